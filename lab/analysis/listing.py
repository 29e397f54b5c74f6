"""Recorded runs as they are listed: a line a run. Lines come from the kept points, so that no record is read twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lab.analysis.points.key import STATUS, CellKey, Conditions
from lab.analysis.points.load import load_points
from lab.analysis.points.table import FLAGS, STATUSES, Points
from lab.analysis.run.flags import DOUBTS, run_flags
from lab.core.progress import Progress
from lab.formats.run.blocks import MADE_UP
from lab.formats.run_record import RunRecord
from lab.formats.test import Test
from lab.store import BadRun, entries, read_at
from lab.store.liveness import as_it_stands

PREFILL, DECODE = "prefill_tok_per_s", "decode_tok_per_s"


@dataclass(frozen=True, kw_only=True)
class RunLine:
    """One run: of its `tests` the first, with the medians of that, in tokens/s; None where nothing was measured.

    `created_s` counts from 1970, UTC. `lost` are the statuses of those of its tests that gave no numbers. `labels` are
    codes of lab.analysis.run.flags: those of the run, and doubts.
    """

    run_id: str
    created_s: int
    status: str
    target: str
    model: str
    engine: str
    tags: tuple[str, ...]
    place: str
    tests: int = 0
    lost: tuple[str, ...] = ()
    test: str = ""
    prefill: float | None = None
    decode: float | None = None
    labels: tuple[str, ...] = ()

    def is_of(self, model: str) -> bool:
        """Whether it is a run of this model's id or label."""
        return model in (self.model, self.model.partition("@")[0])


def run_lines(target: str | None, model: str | None, progress: Progress) -> tuple[list[RunLine], list[BadRun]]:
    """Return the runs of a target and a model (None: of all), oldest first, and the files that cannot be read."""
    loaded = load_points(target, progress)
    lines = [line for line in lines_of(loaded.points) if model is None or line.is_of(model)]
    if model is None:
        return lines, list(loaded.bad)
    others = {entry.place for entry in entries(target) if not entry.may_be_of(model)}
    return lines, [bad for bad in loaded.bad if str(bad.path) not in others]


def lines_of(points: Points) -> list[RunLine]:
    """Return a line for each run of the points, in their order."""
    firsts = _first_cells(points)
    return [_line(points, number, firsts.get(number)) for number in range(len(points.runs))]


def chosen(lines: list[RunLine], wanted: Callable[[RunLine], bool], last: int | None) -> list[RunLine]:
    """Return the lines that are wanted, of these the newest `last` where it is a number."""
    kept = [line for line in lines if wanted(line)]
    return kept if last is None else kept[max(0, len(kept) - last) :]


@dataclass(frozen=True)
class _First:
    """Of a run with tests: how many, which statuses but ok, the first one's key and values, the bits of all flags."""

    tests: int
    lost: tuple[str, ...]
    cell: CellKey
    conditions: Conditions
    values: dict[str, float]
    flags: int


def _first_cells(points: Points) -> dict[int, _First]:
    """Points are sorted by run; each cell begins with its STATUS point, and its metrics follow."""
    is_cell = np.asarray([key.cell.metric == STATUS for key in points.keys], np.bool_)[points.series]
    starts = np.flatnonzero(is_cell)
    runs, first, counts = np.unique(points.run[starts], return_index=True, return_counts=True)
    flags = np.zeros(len(points.runs), np.int64)
    np.bitwise_or.at(flags, points.run, points.flags)
    ends = np.append(starts[1:], len(points))
    return {
        run: _first(points, starts[place], ends[place], points.status[starts[place : place + count]], int(flags[run]))
        for run, place, count in zip(runs.tolist(), first.tolist(), counts.tolist(), strict=True)
    }


def _first(points: Points, start: int, end: int, statuses: NDArray[np.int8], flags: int) -> _First:
    key = points.keys[points.series[start]]
    values = {points.keys[points.series[at]].cell.metric: float(points.value[at]) for at in range(start + 1, end)}
    lost = tuple(STATUSES[status] for status in statuses.tolist() if STATUSES[status] != "ok")
    return _First(len(statuses), lost, key.cell, key.conditions, values, flags)


def _line(points: Points, number: int, first: _First | None) -> RunLine:
    runs = points.runs
    line = RunLine(
        run_id=runs.run_id[number],
        created_s=int(runs.created_s[number]),
        status=runs.status[number],
        target=runs.target[number],
        model=runs.model[number],
        engine=first.cell.engine if first else "",
        tags=runs.tags[number],
        place=runs.place[number],
    )
    if first is None or line.status == "running":  # rare: its record tells what points do not
        line = _by_record(line)
    if first is None:
        return line
    of, cell = first, first.cell
    return replace(
        line,
        tests=of.tests,
        lost=of.lost,
        test=Test.of(cell).label,
        prefill=of.values.get(PREFILL),
        decode=of.values.get(DECODE),
        labels=tuple(_labels(of)),
    )


def _labels(first: _First) -> Iterator[str]:
    of = first.conditions
    if of.protocol == MADE_UP:
        yield "made_up"
    whole = {"synthetic": of.synthetic, "layers": of.layers != of.layers_total, "emulated": of.emulated}
    yield from (code for code, holds in whole.items() if holds)
    codes = ("fell_back", "cpu_device", *DOUBTS)
    yield from (code for code in codes if first.flags >> FLAGS.index(code) & 1)


def _by_record(line: RunLine) -> RunLine:
    record = read_at(line.place)
    if not isinstance(record, RunRecord):  # it went, or was damaged, since it was listed
        return line
    record = as_it_stands(record)
    labels = tuple(flag.code for flag in run_flags(record))
    return replace(line, status=record.status, engine=record.engine.name, labels=labels)
