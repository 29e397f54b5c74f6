"""What the numbers say about each pair: the change, how sure it is, and how many sessions would settle it."""

from __future__ import annotations

from dataclasses import dataclass
from math import comb

import numpy as np
from numpy.typing import NDArray

from lab.analysis.judging.noise import centre, mean_factor, moderated, past_factor, phi_of, prior, residuals
from lab.analysis.judging.numbers import Sessions
from lab.analysis.judging.special import t_quantile, t_quantile_near, t_two_sided

Array = NDArray[np.float64]
Groups = NDArray[np.int64]

TEST = "moderated t"
CORRECTION = "Benjamini-Hochberg"
MIN_SESSIONS = 3  # a side: with two, one bad session is half of what is known
APART = 2.5  # standard deviations within the modes that lie between them at the least
LEAST = 2  # sessions of a mode: one alone is an outlier
INTERVAL = 0.95
MANY = 40  # cells, from which on they tell each other well enough how noisy they are
DOUBTED = 0.05  # p above it are no proof, whatever the modes
POWER_Z = 0.8416  # a chance of 80 % to see a difference that is there
MOST = 100  # nobody measures more sessions a side


@dataclass(frozen=True)
class Evidence:
    """[M] each, on the scale of natural logarithms; nan where it was not tested.

    `a` and `b` are the sides' centres, `effect` is b - a with its 95 % interval `low` to `high`. `sigma` is the
    standard deviation of one session, `phi` how much a session takes over from the one before it, `df` the degrees of
    freedom of the test.
    """

    n_a: NDArray[np.int64]
    n_b: NDArray[np.int64]
    a: Array
    b: Array
    effect: Array
    low: Array
    high: Array
    sigma: Array
    df: Array
    p: Array
    p_adjusted: Array
    phi: float


def evidence(a: Sessions, b: Sessions, group: Groups, past: Sessions | None = None) -> Evidence:
    """Weigh the two sides of each pair; pairs of one `group` [M] (target and metric) share what they know of noise."""
    n_a, n_b = a.n, b.n
    first = _moderated(*_squares(a.x - _mean(a.x), b.x - _mean(b.x)), n_a, n_b, 0.0, group)[0]
    at_a, at_b = centre(a.x, first), centre(b.x, first)
    left_a, left_b = residuals(a.x, at_a, first), residuals(b.x, at_b, first)
    phi = phi_of([left_a / first[:, None], left_b / first[:, None]])
    sigma, df = _moderated(*_squares(left_a, left_b), n_a, n_b, phi, group)
    se = sigma * np.sqrt(mean_factor(n_a, phi) + mean_factor(n_b, phi))
    if past is not None:
        k = max(int(np.median(np.minimum(n_a, n_b))), MIN_SESSIONS)
        plain = first * np.sqrt(1 / np.maximum(n_a, 1) + 1 / np.maximum(n_b, 1))
        se = np.maximum(se, plain * np.sqrt(past_factor(past.x, k, group)))
    tested = (np.minimum(n_a, n_b) >= MIN_SESSIONS) & (df > 0)
    effect = at_b - at_a
    p = np.where(tested, t_two_sided(effect / se, np.maximum(df, 1)), np.nan)
    if len(p) < MANY:
        p = np.where(p < DOUBTED, by_modes(a.x, b.x, np.where(p < DOUBTED, p, 1.0)), p)
    reach = np.where(tested, t_quantile(1 - INTERVAL, np.maximum(df, 1)) * se, np.nan)
    return Evidence(n_a, n_b, at_a, at_b, effect, effect - reach, effect + reach, sigma, df, p, adjusted(p), phi)


def _mean(x: Array) -> Array:
    n = np.maximum(np.isfinite(x).sum(axis=1), 1)
    return np.asarray((np.nansum(x, axis=1) / n)[:, None])


def _squares(a: Array, b: Array) -> tuple[Array, Array]:
    """Sums of squares of both sides. [M] each"""
    return np.nansum(a**2, axis=1), np.nansum(b**2, axis=1)


def _moderated(
    squares_a: Array, squares_b: Array, n_a: NDArray[np.int64], n_b: NDArray[np.int64], phi: float, group: Groups
) -> tuple[Array, Array]:
    """The standard deviation of one session of each pair, and its degrees of freedom. [M] each

    Sessions that resemble each other lie closer to their own mean than they do to the truth: what is expected of the
    sum of squares is n (1 - mean_factor) and not n - 1.
    """
    expected = sum(np.where(n > 1, n * (1 - mean_factor(np.maximum(n, 1), phi)), 0.0) for n in (n_a, n_b))
    df = np.maximum(n_a - 1, 0) + np.maximum(n_b - 1, 0)
    s2 = (squares_a + squares_b) / np.maximum(expected, 1e-9)
    mixed, total = moderated(s2, df, prior(s2, df, group))
    return np.sqrt(mixed), total


def adjusted(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the adjusted p values: calling those up to q keeps the share of false calls under q.

    Benjamini and Hochberg, "Controlling the false discovery rate", 1995; when nothing changed anywhere, the chance
    of a single false call is under q. nan (not tested) is left out and stays nan.
    """
    result = np.full(p.shape, np.nan)
    tested = np.flatnonzero(np.isfinite(p))
    if len(tested):
        order = tested[np.argsort(p[tested], kind="stable")]
        scaled = p[order] * len(order) / np.arange(1, len(order) + 1)
        result[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return result


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
