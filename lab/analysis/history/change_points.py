"""Where one series of numbers moved to another level.

E-divisive (see energy.py) on ranks, window by window, each split tested against permutations and against noise that
remembers; then, as in Fleming and
others, "Hunter: Using Change Point Detection to Hunt for Performance Regressions" (ICPE 2023), neighbours that differ
by less than what counts are joined again, the weakest first. docs/history.md says what that finds and what it doesn't.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import erfc, pi, sqrt

import numpy as np

from lab.analysis.history.energy import Numbers, best_splits, p_of, ranks
from lab.analysis.history.newest_level import newest_level
from lab.analysis.history.noise import long_run_sd

MIN_POINTS = 20  # fewer are left to the comparison of two sides
LEAST = 3  # points on each side of a change
WINDOW, WHOLE = 100, 150  # points looked at together; up to WHOLE all of them
LEVEL = 0.001
LOOSE = 0.001  # at which a level is taken out before the memory of its noise is measured
REACH = 10  # how far a change may still be moved once its neighbours are known


@dataclass(frozen=True)
class ChangePoint:
    """The first value of a new level, the medians on both sides up to the next changes, and the test's p."""

    index: int
    before: float
    after: float
    p: float

    @property
    def ratio(self) -> float:
        """The new level over the old one."""
        return self.after / self.before


@dataclass(frozen=True, eq=False)
class Search:
    """A series [n] to look for changes in, and what `change_points` is given with it."""

    values: Numbers
    level: float
    floor: float


def search(several: Sequence[Search]) -> list[tuple[ChangePoint, ...]]:
    """Return the changes of each."""
    return [change_points(one.values, level=one.level, floor=one.floor) for one in several]


def change_points(values: Numbers, *, level: float = LEVEL, floor: float = 0.0) -> tuple[ChangePoint, ...]:
    """Return the changes of a series [n] of positive numbers in order of time; none when n < MIN_POINTS.

    `level` is the probability of finding any change in a series that has none. `floor` is the smallest change that
    counts, as a fraction of the level before it. The same values always give the same answer.
    """
    if len(values) < MIN_POINTS or values.min() == values.max():
        return ()
    found = _candidates(values, level)
    kept = _joined(values, sorted(found), floor)
    moved = dict(zip(_moved(values, kept), (found[place] for place in kept), strict=True))
    places = _joined(values, list(moved), floor)
    newest = _newest(values, places, level, floor)
    moved, places = moved | newest, [*places, *newest]
    pairs = zip(places, pairwise(_levels(values, places)), strict=True)
    return tuple(ChangePoint(place, before, after, moved[place]) for place, (before, after) in pairs)


def _newest(values: Numbers, places: list[int], level: float, floor: float) -> dict[int, float]:
    """Place -> p of a level that the newest sessions alone are at, after all other changes."""
    last = max(places, default=0)
    found = newest_level(values[last:], level)
    if found is None:
        return {}
    before, after = _levels(values[last:], [found[0]])
    return {last + found[0]: found[1]} if abs(after / before - 1) > floor else {}


def _candidates(values: Numbers, level: float) -> dict[int, float]:
    """Place -> p of every split that chance does not explain, over all windows."""
    windows, found = _windows(len(values)), {0: 1.0}
    for start, end in windows:
        begin = max([start, *(place for place in found if place < end)])
        inside = _inside(values, begin, end, level / len(windows))
        found |= {place: min(1.0, p * len(windows)) for place, p in inside.items()}
    del found[0]
    return found


def _inside(values: Numbers, start: int, end: int, level: float) -> dict[int, float]:
    """Split one window: first as if its noise had no memory, and again with the noise that is left then."""
    loose = _split(values, start, end, 0.0, LOOSE)
    if not loose:
        return {}
    return _split(values, start, end, long_run_sd(values[start:end], sorted(place - start for place in loose)), level)


def _windows(length: int) -> list[tuple[int, int]]:
    """Windows that overlap by half, so that each change lies well inside of one; a short series is one window."""
    if length <= WHOLE:
        return [(0, length)]
    return [(start, min(start + WINDOW, length)) for start in range(0, length - WINDOW // 2, WINDOW // 2)]


def _split(values: Numbers, start: int, end: int, noise: float, level: float) -> dict[int, float]:
    """Split a part in two, and its parts again, while a split is significant."""
    part = values[start:end]
    if len(part) < 2 * LEAST or part.min() == part.max():
        return {}
    statistic, begins, ends = best_splits(ranks(part)[None, :], LEAST)
    middle = int(begins[0])
    p = max(p_of(float(statistic[0]), part, LEAST), _by_levels(part[:middle], part[middle : ends[0]], noise))
    if p > level:
        return {}
    return {
        start + middle: p,
        **_split(values, start, start + middle, noise, level),
        **_split(values, start + middle, end, noise, level),
    }


def _by_levels(left: Numbers, right: Numbers, noise: float) -> float:
    """The p of two levels that lie so far apart in noise with a memory, for the best of all places to split.

    Permutations forget what neighbours share; this test, of two medians with the long-run variance, does not.
    """
    if noise == 0:
        return 0.0
    apart = abs(float(np.median(left)) - float(np.median(right)))
    error = noise * sqrt(pi / 2 * (1 / len(left) + 1 / len(right)))  # a median varies so much more than a mean
    return min(1.0, (len(left) + len(right)) * erfc(apart / error / sqrt(2)))


def _joined(values: Numbers, places: list[int], floor: float) -> list[int]:
    """Leave out the weakest change until all that remain count."""
    places = list(places)
    while places:
        levels = np.asarray(_levels(values, places))
        sizes = np.abs(levels[1:] / levels[:-1] - 1)
        weakest = int(sizes.argmin())
        if sizes[weakest] > floor:
            break
        del places[weakest]
    return places


def _moved(values: Numbers, places: list[int]) -> list[int]:
    """Move each change to where the absolute distances to the levels beside it are smallest."""
    levels, edges, moved = _levels(values, places), [*places, len(values)], [0]
    for place, after, (old, new) in zip(places, edges[1:], pairwise(levels), strict=True):
        low, high = max(moved[-1] + LEAST, place - REACH), min(after - LEAST, place + REACH)
        gain = np.cumsum(np.abs(values[low:high] - old) - np.abs(values[low:high] - new))
        costs = np.concatenate([[0.0], gain])
        moved.append(low + int(costs.argmin()) if low <= place <= high else place)
    return moved[1:]


def _levels(values: Numbers, places: list[int]) -> list[float]:
    edges = [0, *places, len(values)]
    return [float(np.median(values[start:end])) for start, end in pairwise(edges)]
