"""Two recorded runs, judged like all sides: one session each, and what its repetitions say within it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from lab.analysis.compare.axis import SIDES, Table, arrange
from lab.analysis.compare.rows import Row
from lab.analysis.judging.judge import Policy, Side
from lab.analysis.points.build import Builder
from lab.analysis.points.key import STATUS, CellKey
from lab.analysis.points.varying import without_varying
from lab.analysis.run.stats import ratio_interval
from lab.analysis.run.summary import finished, samples
from lab.formats.metrics import PEAK
from lab.formats.run_record import Cell, RunRecord
from lab.formats.test import Test


def compare_runs(a: RunRecord, b: RunRecord, policy: Policy, metrics: Sequence[str] = ()) -> Table:
    """Judge run `b` against run `a`, of `metrics` alone where some are named.

    Whoever names two runs of different targets, models or engines wants them compared: these fields keep nothing
    apart. A row has the interval within the session (`within`) where both runs have enough repetitions.
    """
    builder = Builder()
    builder.add(a)
    builder.add(b)
    across = tuple(name for name, one, other in _names(a, b) if one != other)
    names = a.run_id, b.run_id if b.run_id != a.run_id else f"{b.run_id} (B)"
    sides = {name: Side(name, np.array([place], np.int32)) for place, name in enumerate(names)}
    points = without_varying(builder.points())
    found = arrange(points, SIDES, sides, names[0], replace(policy, across=across), metrics)
    notes = {names[1]: (*_notes(a, b), *found.notes[names[1]])}
    return replace(found, notes=notes, rows=tuple(_with_interval(row, a, b) for row in found.rows))


def _names(a: RunRecord, b: RunRecord) -> Iterator[tuple[str, str, str]]:
    """What a run is of, by the fields of CellKey."""
    yield "target", a.target.name, b.target.name
    yield "model", a.model.label, b.model.label
    yield "engine", a.engine.name, b.engine.name


def _with_interval(row: Row, a: RunRecord, b: RunRecord) -> Row:
    """The row with the interval by repetitions; peak memory has one number a session, and so none."""
    name = row.cell.metric
    if name in (STATUS, PEAK) or all(one.ratio is None for one in row.verdicts.values()):
        return row
    ours, theirs = (samples(finished(_cell(run, row.cell)), name) for run in (a, b))
    return replace(row, within=ratio_interval(ours, theirs))


def _cell(run: RunRecord, key: CellKey) -> Cell:
    return next(cell for cell in run.cells if Test.of(cell) == Test.of(key))


def _notes(a: RunRecord, b: RunRecord) -> Iterator[str]:
    """What differs between the runs beside their conditions: the reader decides whether it matters."""
    if a.run_id == b.run_id:
        yield "both sides are the same run"
    for what, one, other in (*_names(a, b), *_facts(a, b)):
        if one != other:
            yield f"{what} {one or 'none'} -> {other or 'none'}"
    if a.bundle.key != b.bundle.key:
        yield "built differently"


def _source(run: RunRecord) -> str:
    adapter = f", adapter {run.weights.adapter.id}" if run.weights.adapter else ""
    return f"{run.weights.source} ({run.weights.source_id}{adapter})"


def _facts(a: RunRecord, b: RunRecord) -> Iterator[tuple[str, str, str]]:
    for what, read in (
        ("source of the weights", _source),
        ("CPU quota", lambda run: str(run.device.facts.get("cpu_quota_cores") or "none")),
        ("lab", lambda run: f"{run.lab.version} {(run.lab.git_commit or '')[:9]}".strip()),
        ("status", lambda run: run.status),
    ):
        yield what, read(a), read(b)
