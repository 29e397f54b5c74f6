"""How many sessions would settle what is not proven yet."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lab.analysis.judging.drift import mean_factor
from lab.analysis.judging.evidence import MIN_SESSIONS, Evidence
from lab.analysis.judging.special import t_quantile_near

POWER_Z = 0.8416  # a chance of 80 %
MOST = 100  # nobody measures more a side


def sessions_needed(found: Evidence, floors: NDArray[np.float64], level: float) -> NDArray[np.int64]:
    """Return how many more sessions each side needs [M]; 0 where more than MOST a side would not do.

    A difference over the floor has to stand out from zero at the level that the correction leaves it, one below the
    floor has to keep its whole interval below.
    """
    few = np.minimum(found.n_a, found.n_b)
    tests = max(int(np.isfinite(found.p).sum()), 1)
    size = np.where(np.isfinite(found.effect), np.abs(found.effect), 0.0)
    floor = np.log1p(floors)
    over = size >= floor
    room = np.maximum(np.where(over, size, floor - size), 1e-9)
    result = np.zeros(len(few), np.int64)
    for n in range(MOST, MIN_SESSIONS - 1, -1):
        df = np.maximum(found.df, 1) + 2 * np.maximum(n - few, 0)
        quantile = np.where(over, t_quantile_near(level / tests, df), t_quantile_near(0.05, df))
        se = found.sigma * np.sqrt(2 * mean_factor(np.array([n]), found.phi)[0])
        result = np.where((quantile + POWER_Z) * se <= room, np.maximum(n - few, 1), result)
    return np.where(few >= MIN_SESSIONS, result, np.maximum(result, MIN_SESSIONS - few))
