"""Sessions that fall into two modes: a t test takes a few of them for surer than they are.

Five sessions in the upper mode against one there and four in the lower look like a proven loss to a test that believes
in normal noise; with modes that are as likely as each other that happens in one comparison of a hundred.
"""

from __future__ import annotations

from math import comb

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

APART = 2.5  # standard deviations within the modes that lie between them at the least
LEAST = 2  # sessions of a mode: one alone is an outlier


def by_modes(a: Array, b: Array, p: Array) -> Array:
    """Return the p [M] of two sides [M, S], no smaller than that of Fisher's exact test where a side has both modes."""
    result = p.copy()
    for row in np.flatnonzero(p < 1):
        result[row] = max(float(p[row]), _exact(a[row][np.isfinite(a[row])], b[row][np.isfinite(b[row])]))
    return result


def _exact(a: Array, b: Array) -> float:
    """The two-sided p of as many sessions of each mode on each side; 0 where there are no two modes, or one a side."""
    limit = _between_modes(np.sort(np.concatenate([a, b])))
    if limit is None:
        return 0.0
    low_a, low_b = int(np.count_nonzero(a < limit)), int(np.count_nonzero(b < limit))
    if (low_a, low_b) in ((0, len(b)), (len(a), 0)):
        return 0.0
    low, total = low_a + low_b, len(a) + len(b)
    ways = [comb(low, one) * comb(total - low, len(b) - one) for one in range(len(b) + 1)]
    return min(1.0, 2 * min(sum(ways[: low_b + 1]), sum(ways[low_b:])) / comb(total, len(b)))


def _between_modes(every: Array) -> float | None:
    """Where the two modes of the sorted sessions part; None where they have one."""
    gaps = np.diff(every)[LEAST - 1 : len(every) - LEAST]
    if not len(gaps):
        return None
    place = int(gaps.argmax()) + LEAST
    low, high = every[:place], every[place:]
    squares = float(((low - low.mean()) ** 2).sum() + ((high - high.mean()) ** 2).sum())
    inside = (squares / max(len(every) - 2, 1)) ** 0.5
    return float(low[-1] + high[0]) / 2 if gaps.max() > APART * inside else None
