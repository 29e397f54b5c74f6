"""`lab run --resume`: what a recorded run still lacks, as a run of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from lab import store
from lab.core.errors import DeviceUnreachableError, UsageError
from lab.formats.run_record import Cell, RunRecord
from lab.formats.test import Test
from lab.jobs.build import Choice
from lab.jobs.run import Wanted


def rest_of(record: RunRecord, choice: Choice) -> tuple[Choice, Wanted] | None:
    """Return what to build and to measure for the cells that `record` lacks; None when it lacks none.

    `choice` brings a weights folder and an address, which records do not hold.

    Raises:
        UsageError: it was measured with weights that are not given now, on a device of an address that is not given
            now, or beside other engines.
    """
    cells = tuple(Test.of(cell) for cell in record.cells if not _is_done(cell, record))
    if not cells:
        return None
    if record.session is not None:
        raise UsageError(
            f"run {record.run_id} took turns with another engine, and a part of it cannot be measured alone",
            hint="measure both again with --engine",
        )
    if record.by_address and not choice.address:
        raise UsageError(
            f"run {record.run_id} was measured on a device that --at named, and no record holds an address",
            hint="say again where it is: --at ADDRESS",
        )
    whole = record.model.layers == record.model.layers_total
    chosen = replace(
        choice,
        target=record.target.name,
        model=record.model.id,
        layers=None if whole else record.model.layers,
        seed=_seed(record, choice.weights),
    )
    threads = record.plan.threads if record.bundle.key else None
    wanted = Wanted(
        repeats=record.plan.repeats,
        threads=threads,
        engines=_engines(record),
        cells=cells,
        resumes=record,
        tags=record.tags,
    )
    return chosen, wanted


@contextmanager
def hinting_at(choice: Choice) -> Iterator[None]:
    """Let the error of a device that is not reached say that the run may have been one of --at."""
    try:
        yield
    except DeviceUnreachableError as problem:
        if not choice.address:
            again = "if the run was measured with --at, say that again"
            problem.hint = f"{problem.hint}; {again}" if problem.hint else again
        raise


def resumed(ref: str) -> RunRecord:
    """Return the run that `ref` names, as in `lab show`; UsageError where another program measured it."""
    record = store.load(store.find(ref))
    if record.imported:
        raise UsageError(f"run {record.run_id} was imported: lab cannot go on with it", hint="name a run of lab's own")
    return record


def _is_done(cell: Cell, record: RunRecord) -> bool:
    """Whether a cell has all its repetitions and, where the run was stopped before its end, its memory pass too."""
    whole = sum(row.status == "ok" for row in cell.repetitions) >= (record.plan.repeats or 1)
    return whole and (cell.memory is not None or record.status not in ("interrupted", "running", "failed"))


def _engines(record: RunRecord) -> tuple[str, ...]:
    asked = record.target.spec.get("compile", {}).get("backend")
    return () if asked in (None, record.engine.name) else (record.engine.name,)


def _seed(record: RunRecord, weights: Path | None) -> int | None:
    if record.weights.source == "synthetic":
        if weights is not None:
            raise UsageError(f"run {record.run_id} was measured with synthetic weights", hint="leave --weights out")
        seed = record.weights.source_id.removeprefix("seed ")
        return int(seed) if re.fullmatch(r"[0-9]{1,20}", seed) else None
    if weights is None:
        raise UsageError(
            f"run {record.run_id} was measured with weights of a folder", hint="give it with --weights DIR"
        )
    return None
