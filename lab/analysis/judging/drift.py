"""Sessions that follow each other resemble each other: how much, and what it does to the variance of their mean."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

PHI_MAX = 0.9
ENOUGH = 40  # sessions of a row that are looked at
GRID = np.linspace(0.0, PHI_MAX, 91)


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
