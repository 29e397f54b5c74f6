"""How much the sessions of a cell differ when nothing changed: its own spread, helped out by that of its likes.

And sessions that follow each other resemble each other: how much, and what it does to the variance of their mean.
"""

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
PHI_MAX = 0.9
ENOUGH = 40  # sessions of a row that are looked at
GRID = np.linspace(0.0, PHI_MAX, 91)


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


def mean_factor(n: NDArray[np.int64], phi: float) -> Array:
    """Return Var(mean of n) / Var(one) for a first-order autoregression with coefficient `phi`. [M]"""
    sizes, place = np.unique(n, return_inverse=True)
    return np.array([_mean_factor(int(size), phi) for size in sizes])[place]


def _mean_factor(n: int, phi: float) -> float:
    if n < 1:
        return np.inf
    lags = np.arange(1, n)
    return float(1 + 2 * np.sum((1 - lags / n) * phi**lags)) / n


def phi_of(residuals: list[Array]) -> float:
    """Return the coefficient that sessions have in common, from scaled residuals of several sides [M, S] each.

    The lag-one products and the squares are summed over all rows. Centring a short row pulls their ratio far below
    phi, by an amount that is known for each length: phi is the one whose expected ratio is the one seen. What does
    not resemble is 0; nothing negative is believed, since it would make results surer than independence does.
    """
    products = squares = 0.0
    expected_products, expected_squares = np.zeros(len(GRID)), np.zeros(len(GRID))
    for every in residuals:
        rows = every[:, :ENOUGH]
        n = np.isfinite(rows).sum(axis=1)
        products += float(np.nansum(rows[:, 1:] * rows[:, :-1]))
        squares += float(np.nansum(rows**2))
        for size, count in zip(*np.unique(n[n > 1], return_counts=True), strict=True):
            lagged, squared = _expected(int(size))
            expected_products += count * lagged
            expected_squares += count * squared
    if squares <= 0 or not expected_squares[0]:
        return 0.0
    return float(np.interp(products / squares, expected_products / expected_squares, GRID))


def _expected(n: int) -> tuple[Array, Array]:
    """Expected sums of lag-one products and of squares of n centred sessions with variance 1, for each GRID."""
    lag = np.abs(np.subtract.outer(np.arange(n), np.arange(n)))
    centring = np.eye(n) - 1 / n
    covariance = GRID[:, None, None] ** lag
    centred = centring @ covariance @ centring
    return np.trace(centred, offset=1, axis1=1, axis2=2), np.trace(centred, axis1=1, axis2=2)


WINSOR = 16.0  # a jump in the past that is larger than four usual ones was a change and not noise
TINY = 1e-8  # 0.01 % squared
PLACES = 5  # places of the window below which the past says too little


def past_factor(past: Array, k: int, group: NDArray[np.int64]) -> Array:
    """Return how many times larger the past makes the variance of a difference of means than independence does. [M]

    Two neighbouring blocks of `k` sessions slide over each row of `past` [M, H]; squared differences of their means
    and the variances within them are averaged over a `group`, whose sessions share their surroundings. Nothing is
    assumed of how the noise moves, only that it goes on so. 1 where the past is too short.
    """
    result = np.ones(len(past))
    if past.shape[1] < 2 * k + PLACES - 1:
        return result
    blocks = np.lib.stride_tricks.sliding_window_view(past, k, axis=1)
    means, within = blocks.mean(axis=2), blocks.var(axis=2, ddof=1)
    squares = (means[:, k:] - means[:, :-k]) ** 2
    alike = (within[:, k:] + within[:, :-k]) / k
    for name in np.unique(group):
        result[group == name] = _factor(squares[group == name], alike[group == name])
    return result


def _factor(squares: Array, alike: Array) -> float:
    known = np.isfinite(squares)
    rows = known.any(axis=1)
    if np.count_nonzero(known.any(axis=0)) < PLACES:
        return 1.0
    typical = np.maximum(np.nanmean(alike[rows], axis=1, keepdims=True), TINY)
    scaled = squares[rows] / typical
    usual = float(np.nanmedian(scaled))
    return float(np.nanmean(np.minimum(scaled, WINSOR * usual)))
