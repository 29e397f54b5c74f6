"""Small statistics with stated definitions: numbers in, numbers out, nothing else known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

BOOTSTRAP_RESAMPLES = 10_000
BOOTSTRAP_SEED = 20240422  # any fixed number: the same data must give the same interval
MIN_BOOTSTRAP = 3  # below this a resampled median can only repeat what was seen once or twice
MIN_PERCENTILE = {50: 1, 90: 20, 99: 200}  # at least two samples have to lie beyond the percentile


@dataclass(frozen=True)
class Stat:
    """One metric over repetitions, in the metric's own unit; null where `n` does not allow it."""

    n: int
    median: float
    mean: float
    sd: float | None  # sample standard deviation, n - 1
    mad: float  # median absolute deviation from the median, not scaled
    cv: float | None  # sd / |mean|
    low: float
    high: float


def describe(samples: Sequence[float]) -> Stat | None:
    """Describe the samples; None when there is none."""
    if not samples:
        return None
    values = np.asarray(samples, dtype=np.float64)
    mean, median = float(values.mean()), float(np.median(values))
    sd = float(values.std(ddof=1)) if len(values) > 1 else None
    mad = float(np.median(np.abs(values - median)))
    cv = sd / abs(mean) if sd is not None and mean != 0 else None
    return Stat(len(values), median, mean, sd, mad, cv, float(values.min()), float(values.max()))


def percentile(samples: Sequence[float], q: int) -> float | None:
    """Return the q-th percentile (linear between ranks); None with fewer samples than `q` needs."""
    if len(samples) < MIN_PERCENTILE[q]:
        return None
    return float(np.percentile(np.asarray(samples, dtype=np.float64), q))


def ratio_interval(a: Sequence[float], b: Sequence[float]) -> tuple[float, float] | None:
    """Return the 95 % percentile-bootstrap interval of median(b) / median(a).

    Both sides are resampled with replacement from a fixed seed (Efron and Tibshirani, "An Introduction
    to the Bootstrap", 1993, chapter 13). It covers what varies between the given samples and nothing more.
    None when a side has fewer than three samples or a median of zero.
    """
    if min(len(a), len(b)) < MIN_BOOTSTRAP:
        return None
    rng = np.random.default_rng(BOOTSTRAP_SEED)
    below, above = _medians(a, rng), _medians(b, rng)
    if not np.all(below):
        return None
    low, high = np.percentile(above / below, [2.5, 97.5])
    return float(low), float(high)


def paired_ratio_interval(a: Sequence[float], b: Sequence[float]) -> tuple[float, float] | None:
    """Return the 95 % percentile-bootstrap interval of median(b) / median(a) for samples that belong in pairs.

    Pairs are resampled whole: what disturbed both sides of a pair alike does not widen the interval. None with
    fewer than three pairs or a median of zero; ValueError for sides of different length.
    """
    if len(a) != len(b):
        raise ValueError(f"{len(a)} samples cannot be paired with {len(b)}")
    if len(a) < MIN_BOOTSTRAP:
        return None
    below, above = (_medians(side, np.random.default_rng(BOOTSTRAP_SEED)) for side in (a, b))  # the same picks
    if not np.all(below):
        return None
    low, high = np.percentile(above / below, [2.5, 97.5])
    return float(low), float(high)


def _medians(samples: Sequence[float], rng: np.random.Generator) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Medians of BOOTSTRAP_RESAMPLES resamples. -> [BOOTSTRAP_RESAMPLES]"""
    values = np.asarray(samples, dtype=np.float64)
    picks = rng.integers(0, len(values), size=(BOOTSTRAP_RESAMPLES, len(values)))
    return np.asarray(np.median(values[picks], axis=1), dtype=np.float64)
