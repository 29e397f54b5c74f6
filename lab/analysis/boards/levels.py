"""Where the newest level of each line begins: what is at it is no baseline for the newest sessions."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from lab.analysis.boards.windows import Ints
from lab.analysis.history.newest_level import newest_level
from lab.analysis.points.key import STATUS
from lab.analysis.points.table import STATUSES, Points

LEVEL = 0.05  # of seeing a new level in any line, shared evenly among them


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
