"""Which sessions of a line are its newest, and which are those before: by revision, by tag, or by number."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lab.analysis.boards.lines import Line
from lab.analysis.commits import whole
from lab.analysis.points.key import STATUS
from lab.analysis.points.table import Points, Runs
from lab.formats.dashboard import BaselineSpec

BASELINE, NEWEST, NEITHER = 1, 2, 0
ENOUGH = 3  # sessions of a side, without which the judge tests nothing
Ints = NDArray[np.int64]


def windows(
    base: Ints, run: Ints, series: NDArray[np.int32], runs: Runs, spec: BaselineSpec, since: Ints | None = None
) -> NDArray[np.int8]:
    """Return the side [S] of each session of a line; `base`, `run` and `series` are [S] too, one session each.

    With `since`, the first run of each line at its newest level, sessions at that level are no baseline by number.
    """
    if spec.against == "none" or not len(base):
        return np.zeros(len(base), np.int8)
    if spec.against == "sessions":
        # While a history is short, its newer half is what is judged.
        half = np.maximum(np.bincount(base)[base] // 2, 1)
        side = np.where(rank_from_newest(base, run) < np.minimum(spec.newest, half), NEWEST, BASELINE)
        if since is not None:
            side = np.where((side == BASELINE) & (run >= since[base]), NEITHER, side)
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
    last = np.full(count, -1, np.int64)
    last[group[order]] = order  # of an index that comes several times the last one stays
    return last


def _by_revision(base: Ints, run: Ints, runs: Runs, spec: BaselineSpec) -> Ints:
    revision = revisions(runs)
    count = int(base.max()) + 1
    newest = revision[last_run(base, run, count)][base] == revision[run]
    if spec.against == "tag":
        tagged = np.fromiter((spec.tag in tags for tags in runs.tags), np.bool_, len(runs))[run]
        return np.where(tagged, BASELINE, np.where(newest, NEWEST, NEITHER))
    before = last_run(base[~newest], run[~newest], count)  # -1 where there is no other revision
    same_as_before = (before[base] >= 0) & (revision[before[base]] == revision[run])
    return np.where(newest, NEWEST, np.where(same_as_before, BASELINE, NEITHER))


def last_run(group: Ints, run: Ints, count: int) -> Ints:
    """Return the newest run [count] of each group, -1 where it has none."""
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


def revisions(runs: Runs) -> Ints:
    """Return a number [R] for each revision of the runs: of one commit, one state of its tree, and one build."""
    seen: dict[tuple[str, bool, str], int] = {}
    same = whole(runs.commit)
    identities = zip((same[commit] for commit in runs.commit), runs.dirty.tolist(), runs.bundle, strict=True)
    return np.fromiter((seen.setdefault(one, len(seen)) for one in identities), np.int64, len(runs))


def newness_of_runs(points: Points, lines: Sequence[Line]) -> Ints:
    """Return for each run [R] how many newer ones its lines have, of the line that has the fewest.

    `lines` [K] are those of `points.keys`. A run of which no cell is there has as many as there are runs.
    """
    status = np.array([key.cell.metric == STATUS for key in points.keys], np.bool_)
    taken = np.flatnonzero(status[points.series]) if len(points) else np.zeros(0, np.intp)
    numbers: dict[Line, int] = {}
    line = np.asarray([numbers.setdefault(one.base, len(numbers)) for one in lines], np.int64)
    newer = np.full(len(points.runs), len(points.runs), np.int64)
    run = points.run[taken].astype(np.int64)
    np.minimum.at(newer, run, rank_from_newest(line[points.series[taken]], run))
    return newer
