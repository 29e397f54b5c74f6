"""Noise that remembers: how much more a mean of neighbours varies than their spread says."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from lab.analysis.history.energy import Numbers

CLIP = 4.5  # median absolute deviations, about three standard ones; what is farther out says nothing of neighbours
MOST = 0.9
DOUBT = 4.0  # without it, half of all series without memory would pass for ones with some


def long_run_sd(values: Numbers, places: Sequence[int]) -> float:
    """Return the standard deviation s for which a mean of n neighbours varies by s / sqrt(n).

    It is that of single values where they are independent, and more where they remember. `places` is where levels
    begin: what is left of the series [n] after each level's median is taken for an autoregression of order one. Of
    its correlation only what exceeds DOUBT / n is believed: half its standard error in 60 values.
    """
    rests = [_clipped(values[start:end]) for start, end in pairwise([0, *places, len(values)])]
    power = sum(float(rest @ rest) for rest in rests)
    if power == 0:
        return 0.0
    shared = sum(float(rest[1:] @ rest[:-1]) for rest in rests)
    phi = min(max(shared / power - DOUBT / len(values), 0.0), MOST)
    return float(np.sqrt(power / max(len(values) - len(rests), 1) * (1 + phi) / (1 - phi)))


def _clipped(level: Numbers) -> Numbers:
    rest = level - np.median(level)
    limit = CLIP * float(np.median(np.abs(rest)))
    return np.asarray(np.clip(rest, -limit, limit), np.float64)
