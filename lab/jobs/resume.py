"""`lab run --resume`: what a recorded run still lacks, as a run of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lab import store
from lab.core.errors import DeviceUnreachableError, NotComparableError, UsageError
from lab.core.text import cut
from lab.formats.bundle import load_manifest
from lab.formats.run_record import Cell, RunRecord
from lab.formats.test import Test
from lab.jobs.options import RunOptions
from lab.measure.plan import Plan


@dataclass(frozen=True)
class Rest:
    """What a recorded run lacks: `tests` are measured, as a run that resumes `of`."""

    of: RunRecord
    tests: tuple[Test, ...]


def rest_of(record: RunRecord, given: RunOptions) -> tuple[RunOptions, Rest] | None:
    """Return what to build and to measure for the tests that `record` lacks; None when it lacks none.

    `given` brings what records do not hold (a weights folder and an address) and what goes on record of the new run;
    its tags stand in for the record's where it has any. How is measured is taken from the record.

    Raises:
        UsageError: it was measured with weights that are not given now, on a device of an address that is not given
            now, or beside other engines.
    """
    tests = tuple(Test.of(cell) for cell in record.cells if not _is_done(cell, record))
    if not tests:
        return None
    _check(record, given)
    whole = record.model.layers == record.model.layers_total
    options = RunOptions(
        target=record.target.name,
        model=record.model.id,
        layers=None if whole else record.model.layers,
        weights=given.weights,
        lora=_lora(record, given.lora),
        seed=_seed(record, given.weights),
        address=given.address,
        accept_new=given.accept_new,
        engines=_engines(record),
        repeats=record.plan.repeats,
        threads=record.plan.threads if record.bundle.key else None,
        image=_image(record, given.image),
        tags=given.tags or record.tags,
        revision=given.revision,
        dump_ir=given.dump_ir,
    )
    return options, Rest(record, tests)


def _check(record: RunRecord, given: RunOptions) -> None:
    if record.session is not None:
        raise UsageError(
            f"run {record.run_id} took turns with another engine, and a part of it cannot be measured alone",
            hint="measure both again with --engine",
        )
    if record.by_address and not given.address:
        raise UsageError(
            f"run {record.run_id} was measured on a device that --at named, and no record holds an address",
            hint="say again where it is: --at ADDRESS",
        )


def _lora(record: RunRecord, lora: Path | None) -> Path | None:
    if record.weights.adapter is None and lora is not None:
        raise UsageError(f"run {record.run_id} was measured without an adapter", hint="leave --lora out")
    if record.weights.adapter is not None and lora is None:
        raise UsageError(
            f"run {record.run_id} was measured with an adapter, {cut(record.weights.adapter.name, 60)}",
            hint="give it with --lora DIR",
        )
    return lora


def _image(record: RunRecord, image: Path | None) -> Path | None:
    of_file = record.image is not None and record.image.source == "file"
    if of_file and image is None:
        raise UsageError(f"run {record.run_id} was measured with the image of a file", hint="give it with --image FILE")
    if image is not None and not of_file:
        raise UsageError(f"run {record.run_id} was measured without the image of a file", hint="leave --image out")
    return image


@contextmanager
def hinting_at(options: RunOptions) -> Iterator[None]:
    """Let the error of a device that is not reached say that the run may have been one of --at."""
    try:
        yield
    except DeviceUnreachableError as problem:
        if not options.address:
            again = "if the run was measured with --at, say that again"
            problem.hint = f"{problem.hint}; {again}" if problem.hint else again
        raise


def resumed(ref: str) -> RunRecord:
    """Return the run that `ref` names, as in `lab show`; UsageError where another program measured it."""
    record = store.read(ref).record
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


def check_same_settings(record: RunRecord, plan: Plan) -> None:
    """Raise NotComparableError when the target asks for other settings now than when `record` was measured."""
    if record.bundle.key and plan.settings_fingerprint != record.plan.settings_fingerprint:
        raise NotComparableError(
            f"targets/{record.target.name}.toml measures otherwise than when run {record.run_id} was made",
            hint="measure anew, without --resume",
        )


def check_same_build(record: RunRecord, bundle: Path) -> None:
    """Raise NotComparableError when what would run now is not what ran then."""
    key = load_manifest(bundle, "bundle").key
    if record.bundle.key and key != record.bundle.key:
        raise NotComparableError(
            f"run {record.run_id} measured build {record.bundle.key[:12]}, and this lab makes {key[:12]}",
            hint="measure anew, without --resume",
        )
