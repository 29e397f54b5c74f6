"""How often chance alone splits a series as clearly as that.

Series are judged by their ranks, so without ties the distribution of the statistic under "nothing changed" is the same
for every series of a length: the permutations are drawn once a length and kept. That is what makes hundreds of series
a matter of a second. Beyond the drawn ones the tail is continued as an exponential, as in Knijnenburg and others,
"Fewer permutations, more accurate P-values", Bioinformatics 25 (2009).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from lab.analysis.history.energy import Numbers, best_splits, ranks

PERMUTATIONS, WORK = 2999, 6_000_000  # at least so many; as many as cost that many distances
SEED = 20140101
TAIL = 200  # of the largest permuted statistics the tail is fitted to
GROWTH = 1.15  # lengths are rounded up to a ladder of such steps; a longer series has the larger statistic by chance
FIRST = 8
DISTINCT = 0.3  # with a smaller share of distinct values, ties matter: the series is permuted itself,
CLEAR = 0.1  # unless it is far from significant


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
    rung = FIRST
    while rung < length:
        rung = max(rung + 1, int(rung * GROWTH))
    return rung
