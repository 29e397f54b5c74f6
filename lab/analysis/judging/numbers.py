"""The numbers of matched series, side by side, as arrays padded with nan."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lab.analysis.judging.sides import Side
from lab.analysis.points.table import DOUBTED, FLAGS, Codes, Numbers, Points

LEFT_OUT = 1 << FLAGS.index("swapped") | DOUBTED


@dataclass(frozen=True)
class Sessions:
    """The sessions of one side: [M, S] each, a row a pair, oldest first, nan where a row has fewer than S.

    `x` is the natural logarithm of the session's value, `spread` that of its standard deviation over repetitions
    divided by the value (nan where there is none), `run` the place in `Points.runs` (-1 for none).
    """

    x: Numbers
    spread: Numbers
    run: Codes

    @property
    def n(self) -> NDArray[np.int64]:
        """How many sessions each row has. [M]"""
        counted: NDArray[np.int64] = np.isfinite(self.x).sum(axis=1)
        return counted


def in_side(points: Points, side: Side) -> NDArray[np.bool_]:
    """Return which points are of the side's runs. [N]"""
    chosen = np.zeros(len(points.runs), np.bool_)
    chosen[side.runs] = True
    mask: NDArray[np.bool_] = chosen[points.run]
    return mask


def sessions(points: Points, mask: NDArray[np.bool_], series: Codes) -> Sessions:
    """Return the sessions of the points under `mask`, one row for each of `series` [M]: places in `Points.keys`.

    Left out are sessions that swapped or contradict themselves, and values that have no logarithm.
    """
    row_of = np.full(len(points.keys), -1, np.int64)
    row_of[series] = np.arange(len(series))
    row = row_of[points.series]
    usable = mask & (row >= 0) & (points.value > 0) & np.isfinite(points.value) & ((points.flags & LEFT_OUT) == 0)
    taken = np.flatnonzero(usable)
    taken = taken[np.lexsort((points.run[taken], row[taken]))]
    return _padded(points, taken, row[taken], len(series))


def _padded(points: Points, taken: NDArray[np.int64], row: NDArray[np.int64], rows: int) -> Sessions:
    count = np.bincount(row, minlength=rows)
    place = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
    shape = (rows, int(count.max(initial=0)))
    x, spread, run = np.full(shape, np.nan), np.full(shape, np.nan), np.full(shape, -1, np.int32)
    x[row, place] = np.log(points.value[taken])
    with np.errstate(divide="ignore"):
        sd = np.log(points.sd[taken] / points.value[taken])
    spread[row, place] = np.where(np.isfinite(sd), sd, np.nan)
    run[row, place] = points.run[taken]
    return Sessions(x, spread, run)


def latest(of: Sessions, most: int) -> Sessions:
    """Return the last `most` sessions of each row."""
    if of.x.shape[1] <= most:
        return of
    place = np.maximum(of.n - most, 0)[:, None] + np.arange(most)
    x, spread = np.take_along_axis(of.x, place, axis=1), np.take_along_axis(of.spread, place, axis=1)
    return Sessions(np.asarray(x), np.asarray(spread), np.take_along_axis(of.run, place, axis=1).astype(np.int32))
