"""Which sessions of each line are the newest, and which are held against them.

Lines are measured at different times, so one run can be the newest of one line and the baseline of another. The judge
takes two sets of runs; here every run is there twice, once for each side, and each line's points go to the copies
that are its own. It pairs the series of a cell; here each line is made a cell, so that none meets its siblings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lab.analysis.boards.lines import Line
from lab.analysis.judging.sides import Side
from lab.analysis.points.key import STATUS, CellKey, SeriesKey
from lab.analysis.points.table import Points, Runs
from lab.core.dashboard import BaselineSpec

BASELINE, NEWEST, NEITHER = 1, 2, 0
ENOUGH = 3  # sessions of a side, without which the judge tests nothing
Ints = NDArray[np.int64]


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
    side = _side(base[status], points.run[status].astype(np.int64), points.series[status], points.runs, spec)
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


def revisions(runs: Runs) -> Ints:
    """Return a number [R] for each revision of the runs: of one commit, one state of its tree, and one build."""
    seen: dict[tuple[str, bool, str], int] = {}
    identities = zip(runs.commit, runs.dirty.tolist(), runs.bundle, strict=True)
    return np.fromiter((seen.setdefault(one, len(seen)) for one in identities), np.int64, len(runs))


def _is_status(points: Points) -> NDArray[np.bool_]:
    of_key = np.fromiter((key.cell.metric == STATUS for key in points.keys), np.bool_, len(points.keys))
    return of_key[points.series] if len(points) else np.zeros(0, np.bool_)


def _side(base: Ints, run: Ints, series: NDArray[np.int32], runs: Runs, spec: BaselineSpec) -> NDArray[np.int8]:
    """The side [S] of each session of a line; `base`, `run` and `series` are [S] too, one session each."""
    if spec.against == "none" or not len(base):
        return np.zeros(len(base), np.int8)
    if spec.against == "sessions":
        # While a history is short, its newer half is what is judged.
        half = np.maximum(np.bincount(base)[base] // 2, 1)
        side = np.where(rank_from_newest(base, run) < np.minimum(spec.newest, half), NEWEST, BASELINE)
    else:
        side = _by_revision(base, run, runs, spec)
    side = _under_one_set(base, run, series, side)
    # Of each side only the newest sessions count: a device of two years ago is no baseline.
    limited = rank_from_newest(base * 3 + side, run) < spec.sessions
    return np.where(limited, side, NEITHER).astype(np.int8)


def _under_one_set(base: Ints, run: Ints, series: NDArray[np.int32], side: Ints) -> Ints:
    """Keep sessions of one series on each side: where conditions changed, those of before are the baseline.

    They are it until there are enough sessions under the new ones to tell.
    """
    count = int(base.max()) + 1
    mine = series == series[_last_place(base, run, count)][base]
    side = np.where((side == NEWEST) & ~mine, BASELINE, side)
    before = side == BASELINE
    enough = np.bincount(base[before & mine], minlength=count) >= ENOUGH
    older = _last_place(np.where(before & ~mine, base, count), run, count + 1)[:count]  # -1 where there are none
    alike = (older[base] >= 0) & (series == series[older[base]])
    kept = np.where(enough[base] | (older[base] < 0), mine, alike)
    return np.where(before & ~kept, NEITHER, side)


def _last_place(group: Ints, run: Ints, count: int) -> Ints:
    """The place [count] of the newest session of each group, -1 where it has none."""
    order = np.lexsort((run, group))
    found = np.full(count, -1, np.int64)
    found[group[order]] = order  # of an index that comes several times the last one stays
    return found


def _by_revision(base: Ints, run: Ints, runs: Runs, spec: BaselineSpec) -> Ints:
    revision = revisions(runs)
    count = int(base.max()) + 1
    newest = revision[_last(base, run, count)][base] == revision[run]
    if spec.against == "tag":
        tagged = np.fromiter((spec.tag in tags for tags in runs.tags), np.bool_, len(runs))[run]
        return np.where(tagged, BASELINE, np.where(newest, NEWEST, NEITHER))
    before = _last(base[~newest], run[~newest], count)  # -1 where there is no other revision
    same_as_before = (before[base] >= 0) & (revision[before[base]] == revision[run])
    return np.where(newest, NEWEST, np.where(same_as_before, BASELINE, NEITHER))


def _last(group: Ints, run: Ints, count: int) -> Ints:
    """The newest run [count] of each group, -1 where it has none."""
    newest = np.full(count, -1, np.int64)
    np.maximum.at(newest, group, run)
    return newest


def rank_from_newest(group: Ints, run: Ints) -> Ints:
    """Return how many newer sessions each one has within its group: 0 is the newest. -> [S]"""
    order = np.lexsort((-run, group))
    starts = np.flatnonzero(np.diff(group[order], prepend=-1))
    rank = np.empty(len(group), np.int64)
    rank[order] = np.arange(len(group)) - np.repeat(starts, np.diff(starts, append=len(group)))
    return rank


def _newest_of_each(bases: list[Line], base: Ints, run: NDArray[Any]) -> dict[Line, int]:
    newest = _last(base, run.astype(np.int64), len(bases))
    return {name: code for name, code in zip(bases, newest.tolist(), strict=True) if code >= 0}


def _twice(runs: Runs) -> Runs:
    def both(column: Any) -> Any:
        return column + column if isinstance(column, list) else np.concatenate([column, column])

    return Runs(**{name: both(getattr(runs, name)) for name in Runs.__dataclass_fields__})
