"""The statistic of E-divisive: how unlike the two sides of a split are, for every split at once.

Matteson and James, "A Nonparametric Approach for Multiple Change Point Analysis of Multivariate Data", Journal of the
American Statistical Association 109 (2014), equations 5 to 7, with the power 1 of the distance.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Places = NDArray[np.intp]
BLOCK = 100_000  # elements of one intermediate array: what stays in a processor's cache


def best_splits(series: Numbers, least: int) -> tuple[Numbers, Places, Places]:
    """Return for each of the series [B, n] the largest statistic, and where its right side begins and ends: [B] each.

    The left side begins with the series; the right side may end before it, so that a level which came and went is
    seen as well. Neither has fewer than `least` points (two or more); n has to be 2 * least or more.
    """
    at_once = max(1, BLOCK // series.shape[1] ** 2)
    parts = [_best(series[start : start + at_once], least) for start in range(0, len(series), at_once)]
    scores, begins, ends = zip(*parts, strict=True)
    return np.concatenate(scores), np.concatenate(begins), np.concatenate(ends)


def ranks(values: Numbers) -> Numbers:
    """Return the mid-ranks of the values [n], scaled to between 0 and 1: [n]."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(count)
    return np.asarray(((ends - count + ends) / 2 / len(values))[place], np.float64)


def _best(series: Numbers, least: int) -> tuple[Numbers, Places, Places]:
    length = series.shape[1]
    upper, of_whole, of_left, of_within, forbidden = _weights(length, least)
    distances = np.abs(series[:, :, None] - series[:, None, :]) * upper
    # within[b, i, j]: the distances between all pairs of the points i to j
    within = np.cumsum(np.cumsum(distances[:, ::-1], axis=1)[:, ::-1], axis=2)
    whole = within[:, 0, :]
    left = np.concatenate([np.zeros((len(series), 1)), whole[:, :-1]], axis=1)
    scores = of_whole * whole[:, None, :] - of_left * left[:, :, None] - of_within * within + forbidden
    flat = scores.reshape(len(series), -1)
    found = flat.argmax(axis=1)
    return flat[np.arange(len(series)), found], found // length, found % length + 1


@cache
def _weights(length: int, least: int) -> tuple[Numbers, Numbers, Numbers, Numbers, Numbers]:
    """What the statistic multiplies by: [n, n] each, at [left side's length, right side's last point].

    With n and m points a side it is 2 / (n + m) of the distances between the sides less 2 m / ((n + m) (n - 1)) of
    those within the left and 2 n / ((n + m) (m - 1)) of those within the right side; those between are what is left of
    the whole. The last is minus infinity for a split that is not allowed, else 0.
    """
    starts = np.arange(length, dtype=np.float64)[:, None]
    n, m = np.broadcast_arrays(starts, np.arange(1, length + 1)[None, :] - starts)
    allowed = (n >= least) & (m >= least)
    n, m = np.where(allowed, n, 2.0), np.where(allowed, m, 2.0)
    between = 2 / (n + m)
    left, within = between + between * m / (n - 1), between + between * n / (m - 1)
    upper = np.triu(np.ones((length, length)), 1)
    return upper, between, left, within, np.where(allowed, 0.0, -np.inf)
