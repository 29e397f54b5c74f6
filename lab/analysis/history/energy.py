"""The statistic of E-divisive: how unlike the two sides of a split are, and how often chance makes them so.

Matteson and James, "A Nonparametric Approach for Multiple Change Point Analysis of Multivariate Data", Journal of the
American Statistical Association 109 (2014), equations 5 to 7, with the power 1 of the distance.

Series are judged by their ranks, so without ties the distribution of the statistic under "nothing changed" is the same
for every series of a length: the permutations are drawn once a length and kept. That is what makes hundreds of series
a matter of a second. Beyond the drawn ones the tail is continued as an exponential, as in Knijnenburg and others,
"Fewer permutations, more accurate P-values", Bioinformatics 25 (2009).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Places = NDArray[np.intp]
BLOCK = 100_000  # elements of one intermediate array: what stays in a processor's cache
PERMUTATIONS, WORK = 2999, 6_000_000  # at least so many; as many as cost that many distances
SEED = 20140101
TAIL = 200  # of the largest permuted statistics the tail is fitted to
GROWTH = 1.15  # lengths are rounded up to a ladder of such steps; a longer series has the larger statistic by chance
FIRST_RUNG = 8
DISTINCT = 0.3  # with a smaller share of distinct values, ties matter: the series is permuted itself,
CLEAR = 0.1  # unless it is far from significant


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


@dataclass(frozen=True)
class Chance:
    """The statistic under permutation: all of it sorted, where the tail begins, how fast it falls."""

    drawn: Numbers
    begins: float
    scale: float

    def p(self, statistic: float) -> float:
        """Return the probability of this statistic or a larger one."""
        if statistic > self.begins:
            return TAIL / len(self.drawn) * float(np.exp((self.begins - statistic) / self.scale))
        above = len(self.drawn) - int(np.searchsorted(self.drawn, statistic))
        return (1 + above) / (1 + len(self.drawn))


def p_of(statistic: float, values: Numbers, least: int) -> float:
    """Return how often chance splits a series [n] like this one so clearly or more, with `least` points a side."""
    p = _for_length(_rung(len(values)), least).p(statistic)
    if p > CLEAR or len(np.unique(values)) >= DISTINCT * len(values):
        return p
    return _drawn(ranks(values), least).p(statistic)


@cache
def _for_length(length: int, least: int) -> Chance:
    return _drawn((np.arange(length) + 0.5) / length, least)


def _drawn(scores: Numbers, least: int) -> Chance:
    generator = np.random.default_rng((SEED, len(scores), least))
    count = max(PERMUTATIONS, WORK // len(scores) ** 2)
    shuffled = generator.permuted(np.tile(scores, (count, 1)), axis=1)
    drawn = np.sort(best_splits(shuffled, least)[0])
    begins = float(drawn[-TAIL - 1])
    return Chance(drawn, begins, max(float((drawn[-TAIL:] - begins).mean()), 1e-9))


@cache
def _rung(length: int) -> int:
    rung = FIRST_RUNG
    while rung < length:
        rung = max(rung + 1, int(rung * GROWTH))
    return rung
