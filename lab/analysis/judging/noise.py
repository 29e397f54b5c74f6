"""How much the sessions of a cell differ when nothing changed: its own spread, helped out by that of its likes."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lab.analysis.judging.special import digamma, trigamma, trigamma_inverse

Array = NDArray[np.float64]

SIGMA_MIN = 1e-4  # 0.01 %: what repeats to the last digit still has a resolution
FEW = 8  # groups with fewer cells borrow from all cells
HUBER = 1.5  # standard deviations beyond which a session pulls no harder: 96 % efficient where noise is normal
ROUNDS = 12


@dataclass(frozen=True)
class Prior:
    """What the likes of a cell say: variance `s2` with the weight of `df` sessions. [M] each"""

    s2: Array
    df: Array


def centre(x: Array, sigma: Array) -> Array:
    """Return Huber's estimate of the location of each row of x [M, S], whose scale `sigma` [M] is known.

    Huber, "Robust estimation of a location parameter", 1964. It begins at the median; nan marks no session.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # rows without sessions give nan, which is right
        at = np.nanmedian(x, axis=1)
    n = np.maximum(np.isfinite(x).sum(axis=1), 1)
    limit = HUBER * sigma[:, None]
    for _ in range(ROUNDS):
        at = at + np.nansum(np.clip(x - at[:, None], -limit, limit), axis=1) / n
    return np.asarray(at)


def residuals(x: Array, at: Array, sigma: Array) -> Array:
    """Return what is left of x [M, S] without its centre, cut where the centre cut it."""
    limit = HUBER_SPREAD * sigma[:, None]
    return np.asarray(np.clip(x - at[:, None], -limit, limit))


HUBER_SPREAD = 3.0


def prior(s2: Array, df: Array, group: NDArray[np.int64]) -> Prior:
    """Learn from the variances `s2` [M] (with `df` degrees of freedom) of each `group` what its cells have in common.

    The moments of log s2 give a scaled inverse chi-square (Smyth, "Linear models and empirical Bayes methods for
    assessing differential expression in microarray experiments", 2004, section 6.2). Heavy tails spread log s2 and
    so take weight from the prior. A group of fewer than FEW cells takes that of all.
    """
    s2 = np.maximum(s2, SIGMA_MIN**2)
    usable = df > 0
    at, weight = np.full(len(s2), SIGMA_MIN**2), np.zeros(len(s2))
    whole = _fit(s2[usable], df[usable])
    for name in np.unique(group):
        members = group == name
        enough = np.count_nonzero(members & usable) >= FEW
        at[members], weight[members] = _fit(s2[members & usable], df[members & usable]) if enough else whole
    return Prior(at, weight)


def _fit(s2: Array, df: Array) -> tuple[float, float]:
    """The prior's variance and degrees of freedom of one group."""
    if len(s2) < FEW:
        return SIGMA_MIN**2, 0.0
    e = np.log(s2) - digamma(df / 2) + np.log(df / 2)
    middle = float(e.mean())
    beyond = float(e.var(ddof=1) - trigamma(df / 2).mean())
    most = float(df.sum())  # a prior knows no more than the cells it was made of
    weight = min(2 * trigamma_inverse(max(beyond, 1e-6)), most)
    return float(np.exp(middle + digamma(weight / 2) - np.log(weight / 2))), weight


def moderated(s2: Array, df: Array, of: Prior) -> tuple[Array, Array]:
    """Return the variance of each cell with its prior mixed in, and the degrees of freedom of that. [M] each"""
    total = np.maximum(df + of.df, 1e-9)
    mixed = (df * np.maximum(s2, SIGMA_MIN**2) + of.df * of.s2) / total
    return np.maximum(mixed, SIGMA_MIN**2), total
