"""Which sessions of each cell are the newest, and which are held against them.

Cells are measured at different times, so one run can be the newest of one cell and the baseline of another. The judge
takes two sets of runs; here every run is there twice, once for each side, and each cell's points go to the copies
that are its own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lab.analysis.boards.axes import Base, base_of
from lab.analysis.judging.sides import Side
from lab.analysis.points.key import STATUS
from lab.analysis.points.table import Points, Runs
from lab.core.dashboard import BaselineSpec

BASELINE, NEWEST, NEITHER = 1, 2, 0
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Sides:
    """The points of both sides, the two sides of them, and the newest baseline run [code] of each test."""

    points: Points
    a: Side
    b: Side
    baseline_run: dict[Base, int]


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


def sides_of(points: Points, spec: BaselineSpec) -> Sides:
    """Split the points into the two sides that the dashboard compares; points of neither are left out."""
    bases, base = _bases(points)
    count = max(len(points.runs), 1)
    status = np.flatnonzero(_is_status(points))
    side = _side(base[status], points.run[status].astype(np.int64), points.runs, spec)
    where = base[status] * count + points.run[status]
    order = np.argsort(where)
    found = np.searchsorted(where[order], base * count + points.run)
    of_point = side[order][np.minimum(found, max(len(order) - 1, 0))] if len(order) else np.zeros(0, np.int8)
    kept = points.where(of_point != NEITHER)
    again = (of_point[of_point != NEITHER] == NEWEST) * np.int32(len(points.runs))
    doubled = replace(kept, run=(kept.run + again).astype(np.int32), runs=_twice(points.runs))
    codes = np.arange(2 * len(points.runs), dtype=np.int32)
    a, b = Side(baseline_words(spec), codes[: len(points.runs)]), Side("the newest", codes[len(points.runs) :])
    mine = side == BASELINE
    return Sides(doubled, a, b, _newest_of_each(bases, base[status][mine], points.run[status][mine]))


def revisions(runs: Runs) -> Ints:
    """Return a number [R] for each revision of the runs: of one commit, one state of its tree, and one build."""
    seen: dict[tuple[str, bool, str], int] = {}
    identities = zip(runs.commit, runs.dirty.tolist(), runs.bundle, strict=True)
    return np.fromiter((seen.setdefault(one, len(seen)) for one in identities), np.int64, len(runs))


def _bases(points: Points) -> tuple[list[Base], Ints]:
    """Every test on its device, and the number [N] of each point's."""
    numbers: dict[Base, int] = {}
    of_key = [numbers.setdefault(base_of(key.cell), len(numbers)) for key in points.keys]
    return list(numbers), np.asarray(of_key, np.int64)[points.series] if len(points) else np.zeros(0, np.int64)


def _is_status(points: Points) -> NDArray[np.bool_]:
    of_key = np.fromiter((key.cell.metric == STATUS for key in points.keys), np.bool_, len(points.keys))
    return of_key[points.series] if len(points) else np.zeros(0, np.bool_)


def _side(base: Ints, run: Ints, runs: Runs, spec: BaselineSpec) -> NDArray[np.int8]:
    """The side [S] of each session of a test; `base` and `run` are [S] too, one session each."""
    if spec.against == "none" or not len(base):
        return np.zeros(len(base), np.int8)
    if spec.against == "sessions":
        # While a history is short, its newer half is what is judged.
        half = np.maximum(np.bincount(base)[base] // 2, 1)
        side = np.where(rank_from_newest(base, run) < np.minimum(spec.newest, half), NEWEST, BASELINE)
    else:
        side = _by_revision(base, run, runs, spec)
    # Of each side only the newest sessions count: a device of two years ago is no baseline.
    limited = rank_from_newest(base * 3 + side, run) < spec.sessions
    return np.where(limited, side, NEITHER).astype(np.int8)


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


def _newest_of_each(bases: list[Base], base: Ints, run: NDArray[Any]) -> dict[Base, int]:
    newest = _last(base, run.astype(np.int64), len(bases))
    return {name: code for name, code in zip(bases, newest.tolist(), strict=True) if code >= 0}


def _twice(runs: Runs) -> Runs:
    def both(column: Any) -> Any:
        return column + column if isinstance(column, list) else np.concatenate([column, column])

    return Runs(**{name: both(getattr(runs, name)) for name in Runs.__dataclass_fields__})
