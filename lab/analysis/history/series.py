"""From points to series: the values of one cell, oldest first, under one set of conditions after another."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from lab.analysis.history.energy import Numbers
from lab.analysis.points.key import STATUS, SeriesKey
from lab.analysis.points.named import changes
from lab.analysis.points.table import DOUBTED, STATUSES, Codes, Points


@dataclass(frozen=True)
class Seam:
    """A place where conditions changed: `index` is that of the first value under the new ones, `changes` by field."""

    index: int
    changes: tuple[str, ...]


@dataclass(frozen=True)
class Series:
    """`values` [n] in the metric's own unit, and the run of each: its place in `Points.runs` [n].

    `keys` are the conditions in the order in which they took over from each other, `part` [n] tells which of them
    each value was measured under. One that never changed has one key; `key` is the newest.
    """

    keys: tuple[SeriesKey, ...]
    values: Numbers
    runs: Codes
    part: NDArray[np.int64]

    @property
    def key(self) -> SeriesKey:
        """The cell under the conditions that hold now."""
        return self.keys[-1]

    @property
    def seams(self) -> tuple[Seam, ...]:
        """Where conditions changed, oldest first."""
        starts = [_split(self.part >= place) for place in range(1, len(self.keys))]
        told = (changes(one.conditions, other.conditions) for one, other in pairwise(self.keys))
        return tuple(Seam(*one) for one in zip(starts, told, strict=True))


def _split(new: NDArray[np.bool_]) -> int:
    """The place [n] with the fewest values on the wrong side: an old commit measured again stands among the old."""
    early = np.concatenate([[0], np.cumsum(new)])
    late = np.concatenate([np.cumsum(~new[::-1])[::-1], [0]])
    return min(int((early + late).argmin()), len(new) - 1)


def series_of(points: Points, without: Collection[int] = ()) -> Iterator[Series]:
    """Yield every series that has values, in the order of `points.keys`; runs in `without` are left out.

    A value counts when its cell ended well and it is positive: a rate, a time or a size of nothing was not measured.
    One that contradicts itself, or that no device can reach, does not count.
    Each is under one set of conditions: `lab.analysis.history.chains` joins those that continue each other.
    """
    with np.errstate(invalid="ignore"):
        counted = (points.status == STATUSES.index("ok")) & np.isfinite(points.value) & (points.value > 0)
    counted &= (points.flags & DOUBTED) == 0
    if without:
        counted &= ~np.isin(points.run, list(without))
    taken = np.flatnonzero(counted)
    series, run = points.series[taken], points.run[taken]
    order = np.lexsort((run, points.runs.created_s[run], series))
    taken, series = taken[order], series[order]
    edges = np.flatnonzero(np.diff(series, prepend=-1, append=-1))
    for start, end in pairwise(edges):
        key = points.keys[series[start]]
        if key.cell.metric != STATUS:
            part = np.zeros(end - start, np.int64)
            yield Series((key,), points.value[taken[start:end]], points.run[taken[start:end]], part)
