"""Which sessions of each line are the newest, and which are held against them.

Lines are measured at different times, so one run can be the newest of one line and the baseline of another. The judge
takes two sets of runs; here every run is there twice, once for each side, and each line's points go to the copies
that are its own. It pairs the series of a cell; here each line is made a cell, so that none meets its siblings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lab.analysis.boards.lines import Line
from lab.analysis.boards.windows import BASELINE, NEITHER, NEWEST, Ints, last_run, windows
from lab.analysis.history.newest_level import newest_level
from lab.analysis.judging.sides import Side
from lab.analysis.points.key import STATUS, CellKey, SeriesKey
from lab.analysis.points.table import STATUSES, Points, Runs
from lab.formats.dashboard import BaselineSpec

LEVEL = 0.05  # of seeing a new level in any line, shared evenly among them


@dataclass(frozen=True)
class Sides:
    """The points of both sides, the two sides of them, and the newest baseline run [code] of each line's base.

    In `points` the engine of a cell is the place of its line's base in `bases`.
    """

    points: Points
    a: Side
    b: Side
    bases: tuple[Line, ...]
    baseline_run: dict[Line, int]

    def line(self, cell: CellKey) -> Line:
        """Return the line that the judge's cell is."""
        base = self.bases[int(cell.engine)]
        return replace(base, cell=replace(base.cell, metric=cell.metric))


def baseline_words(spec: BaselineSpec) -> str:
    """Say what the newest sessions are held against."""
    match spec.against:
        case "revision":
            return "the revision before"
        case "tag":
            return f"tag {spec.tag}"
        case "sessions":
            return f"the {spec.sessions} sessions before the newest {spec.newest}"
        case "none":
            return ""


def sides_of(points: Points, lines: Sequence[Line], spec: BaselineSpec) -> Sides:
    """Split the points into the two sides that the dashboard compares; points of neither are left out.

    `lines` [K] are those of `points.keys`.
    """
    numbers: dict[Line, int] = {}
    of_key = np.asarray([numbers.setdefault(line.base, len(numbers)) for line in lines], np.int64)
    base = of_key[points.series] if len(points) else np.zeros(0, np.int64)
    count = max(len(points.runs), 1)
    status = np.flatnonzero(_is_status(points))
    since = level_starts(points, of_key, len(numbers)) if spec.against == "sessions" else None
    side = windows(base[status], points.run[status].astype(np.int64), points.series[status], points.runs, spec, since)
    where = base[status] * count + points.run[status]
    order = np.argsort(where)
    found = np.searchsorted(where[order], base * count + points.run)
    of_point = side[order][np.minimum(found, max(len(order) - 1, 0))] if len(order) else np.zeros(0, np.int8)
    mine = side == BASELINE
    return Sides(
        _doubled(points, of_point, [_alone(*both) for both in zip(points.keys, of_key.tolist(), strict=True)]),
        *_both(points.runs, spec),
        tuple(numbers),
        _newest_of_each(list(numbers), base[status][mine], points.run[status][mine]),
    )


def _alone(key: SeriesKey, base: int) -> SeriesKey:
    return replace(key, cell=replace(key.cell, engine=str(base)))


def _doubled(points: Points, side: NDArray[np.int8], keys: list[SeriesKey]) -> Points:
    kept = points.where(side != NEITHER)
    again = (side[side != NEITHER] == NEWEST) * np.int32(len(points.runs))
    return replace(kept, keys=tuple(keys), run=(kept.run + again).astype(np.int32), runs=_twice(points.runs))


def _both(runs: Runs, spec: BaselineSpec) -> tuple[Side, Side]:
    codes = np.arange(2 * len(runs), dtype=np.int32)
    return Side(baseline_words(spec), codes[: len(runs)]), Side("the newest", codes[len(runs) :])


def _is_status(points: Points) -> NDArray[np.bool_]:
    of_key = np.fromiter((key.cell.metric == STATUS for key in points.keys), np.bool_, len(points.keys))
    return of_key[points.series] if len(points) else np.zeros(0, np.bool_)


def _newest_of_each(bases: list[Line], base: Ints, run: NDArray[Any]) -> dict[Line, int]:
    newest = last_run(base, run.astype(np.int64), len(bases))
    return {name: code for name, code in zip(bases, newest.tolist(), strict=True) if code >= 0}


def _twice(runs: Runs) -> Runs:
    def both(column: Any) -> Any:
        return column + column if isinstance(column, list) else np.concatenate([column, column])

    return Runs(**{name: both(getattr(runs, name)) for name in Runs.__dataclass_fields__})


def level_starts(points: Points, of_key: Ints, count: int) -> Ints:
    """Return the first run [count] at the newest level of each line, and the number of runs where there is none.

    `of_key` [K] is the line of each of `points.keys`. The metrics of a line are judged each by itself.
    """
    found = np.full(count, len(points.runs), np.int64)
    series = list(_series(points))
    for key, places in series:
        new = newest_level(points.value[places], LEVEL / len(series))
        if new is not None:
            line = of_key[key]
            found[line] = min(found[line], points.run[places[new[0]]])
    return found


def _series(points: Points) -> list[tuple[int, NDArray[np.intp]]]:
    """The place in `points.keys` and the points of each series of numbers that goes on until now, oldest first."""
    metric = np.array([key.cell.metric != STATUS for key in points.keys], np.bool_)
    with np.errstate(invalid="ignore"):
        counted = (points.status == STATUSES.index("ok")) & np.isfinite(points.value) & (points.value > 0)
    taken = np.flatnonzero(counted & metric[points.series]) if len(points) else np.zeros(0, np.intp)
    taken = taken[np.argsort(points.series[taken], kind="stable")]  # points are sorted by run
    edges = np.flatnonzero(np.diff(points.series[taken], prepend=-1, append=-1))
    return [(int(points.series[taken[start]]), taken[start:end]) for start, end in pairwise(edges)]
