"""Whether a side became noisier: between its sessions, or within them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lab.analysis.judging.correction import adjusted
from lab.analysis.judging.evidence import MIN_SESSIONS, Groups, evidence
from lab.analysis.judging.numbers import Sessions
from lab.analysis.judging.special import f_above, trigamma, trigamma_inverse

Array = NDArray[np.float64]

TIMES = 2.0  # a spread that did not double is not worth a word
RESOLUTION = 1e-3  # sessions that differ by less than 0.1 % are steady, whatever their ratio
FEW = 20  # rows below which tails are taken for normal


@dataclass(frozen=True)
class Spread:
    """How many times the standard deviation of side B is that of A, between and within sessions, and the p of the
    smaller chance of the two, doubled, corrected over all cells. [M] each
    """

    between: Array
    within: Array
    p_adjusted: Array

    def is_noisier(self, at: int, level: float) -> bool:
        """Whether pair `at` became clearly and not by chance noisier."""
        return bool(self.p_adjusted[at] <= level and max(self.between[at], self.within[at]) >= TIMES)


def spread(a: Sessions, b: Sessions, group: Groups) -> Spread:
    """Compare the spreads of the two sides of each pair."""
    between, p_between = _between(a.x, b.x)
    within, p_within = _within(a, b, group)
    p = np.fmin(np.where(between >= TIMES, p_between, 1.0), np.where(within >= TIMES, p_within, 1.0))
    tested = np.minimum(a.n, b.n) >= MIN_SESSIONS
    return Spread(between, within, adjusted(np.where(tested, np.minimum(2 * p, 1.0), np.nan)))


def _between(a: Array, b: Array) -> tuple[Array, Array]:
    """The ratio of standard deviations, and its p by an F test whose degrees of freedom heavy tails have cut."""
    (s2_a, df_a), (s2_b, df_b) = _variance(a), _variance(b)
    ratio = (s2_b + RESOLUTION**2) / (s2_a + RESOLUTION**2)
    share = _share(np.log(ratio[(df_a > 0) & (df_b > 0)]), df_a[(df_a > 0) & (df_b > 0)], df_b[(df_a > 0) & (df_b > 0)])
    return np.sqrt(ratio), f_above(ratio, np.maximum(df_b * share, 0.5), np.maximum(df_a * share, 0.5))


def _variance(x: Array) -> tuple[Array, Array]:
    n = np.isfinite(x).sum(axis=1)
    mean = np.nansum(x, axis=1) / np.maximum(n, 1)
    df = np.maximum(n - 1.0, 0.0)
    return np.nansum((x - mean[:, None]) ** 2, axis=1) / np.maximum(df, 1), df


def _share(log_ratio: Array, df_a: Array, df_b: Array) -> float:
    """Which share of the degrees of freedom is left: log variance ratios of all cells vary more under heavy tails.

    Their scale is taken from the middle half, so that cells that did become noisier do not hide themselves (the
    correction for kurtosis is that of Layard, "Robust large-sample tests for homogeneity of variances", 1973).
    """
    if len(log_ratio) < FEW:
        return 1.0
    low, high = np.quantile(log_ratio, [0.25, 0.75])
    seen = float((high - low) / 1.349) ** 2
    expected = float(np.median(trigamma(df_a / 2) + trigamma(df_b / 2)))
    if seen <= expected:
        return 1.0
    return float(2 * trigamma_inverse(seen / 2) / np.median(np.minimum(df_a, df_b)))


def _within(a: Sessions, b: Sessions, group: Groups) -> tuple[Array, Array]:
    """The ratio of the sessions' own standard deviations over repetitions, and its p: they are values like others."""
    found = evidence(replace(a, x=a.spread), replace(b, x=b.spread), group)
    ratio = np.where(np.isfinite(found.effect), np.exp(np.minimum(found.effect, 50.0)), 1.0)
    return ratio, np.where(np.isfinite(found.p), found.p, 1.0)
