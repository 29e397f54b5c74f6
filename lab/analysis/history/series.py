"""From points to series: the values of one cell under one set of conditions, oldest first."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from lab.analysis.history.energy import Numbers
from lab.analysis.points.key import STATUS, SeriesKey
from lab.analysis.points.table import STATUSES, Codes, Points


@dataclass(frozen=True)
class Series:
    """`values` [n] in the metric's own unit, and the run of each: its place in `Points.runs` [n]."""

    key: SeriesKey
    values: Numbers
    runs: Codes


def series_of(points: Points, without: Collection[int] = ()) -> Iterator[Series]:
    """Yield every series that has values, in the order of `points.keys`; runs in `without` are left out.

    A value counts when its cell ended well and it is positive: a rate, a time or a size of nothing was not measured.
    """
    with np.errstate(invalid="ignore"):
        counted = (points.status == STATUSES.index("ok")) & np.isfinite(points.value) & (points.value > 0)
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
            yield Series(key, points.value[taken[start:end]], points.run[taken[start:end]])
