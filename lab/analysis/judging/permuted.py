"""How often chance alone gives side B scores as large as these: sessions are dealt to the sides anew.

Where nothing changed, which sessions are of side B is as good as drawn, whatever their values are distributed like: two
modes, rare outliers and heavy tails cost no false alarm. Cells of one group are dealt together, session by session,
since one bad session is often bad for all of them.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import combinations
from math import comb

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

MOST = 20_000  # ways to deal: all of them where there are no more, else so many drawn ones
SEED = 20261128
TAIL = 50  # of the largest drawn sums the tail is fitted to
TIE = 1e-9


def chance(scores: Array, n_b: int) -> tuple[Array, float]:
    """Return the p of each row [M] and that of the sum over rows, for scores [M, N] whose last `n_b` are side B's."""
    dealt, all_of_them = _dealt(scores.shape[1], n_b)
    rows = np.concatenate([scores, scores.sum(axis=0, keepdims=True)])
    sums = np.sort(rows @ dealt.T, axis=1)
    seen = rows[:, -n_b:].sum(axis=1)
    p = np.array([_p(each, float(one), all_of_them) for each, one in zip(sums, seen, strict=True)])
    return p[:-1], float(p[-1])


def _p(drawn: Array, seen: float, all_of_them: bool) -> float:
    """The share of the sorted sums that are as large; beyond drawn ones the tail falls exponentially.

    Knijnenburg and others, "Fewer permutations, more accurate P-values", Bioinformatics 25 (2009).
    """
    above = len(drawn) - int(np.searchsorted(drawn, seen - TIE))
    if all_of_them:
        return above / len(drawn)
    begins = float(drawn[-TAIL - 1])
    scale = float((drawn[-TAIL:] - begins).mean())
    if above >= TAIL or scale <= TIE:
        return (1 + above) / (1 + len(drawn))
    return TAIL / len(drawn) * float(np.exp((begins - seen) / scale))


@lru_cache(maxsize=8)
def _dealt(sessions: int, n_b: int) -> tuple[Array, bool]:
    """Ways to choose the sessions of side B, a row of noughts and ones each, and whether those are all ways."""
    if comb(sessions, n_b) <= MOST:
        chosen = np.array(list(combinations(range(sessions), n_b)))
        every = np.zeros((len(chosen), sessions))
        np.put_along_axis(every, chosen, 1.0, axis=1)
        return every, True
    one = np.zeros((MOST, sessions))
    one[:, :n_b] = 1.0
    return np.random.default_rng((SEED, sessions, n_b)).permuted(one, axis=1), False
