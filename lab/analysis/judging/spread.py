"""Whether a side became noisier: between its sessions, or within them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lab.analysis.judging.evidence import MIN_SESSIONS, Groups, adjusted
from lab.analysis.judging.numbers import Sessions, latest
from lab.analysis.judging.permuted import chance

Array = NDArray[np.float64]

TIMES = 1.5  # what really doubled measures as less half of the time: so much, and the test, are worth a word
RESOLUTION = 1e-3  # sessions that differ by less than 0.1 % are steady, whatever their ratio
SHARE = 0.1  # of the level of a gate: the rest is for its other words
CAP = 2.0  # robust standard deviations beyond which a session is no noisier: what is rare is no spread
TRIM = 0.2  # of the deviations, the largest, that say nothing of the scale
NEWEST = 60  # sessions of each side that are looked at
SIGMAS = 1.4826  # normal standard deviations in a median absolute deviation
BLOCK = 5  # sessions of the past that are at the level of the sides together, or are not


@dataclass(frozen=True)
class Spread:
    """How many times the standard deviation of side B is that of A and the past, between and within sessions. [M] each

    `p_adjusted` is of the likelier of the two, corrected over all cells; `shared` says that it is of all cells of the
    target and metric together, which are noisier by the same p.
    """

    between: Array
    within: Array
    p_adjusted: Array
    shared: NDArray[np.bool_]

    def is_noisier(self, at: int, level: float) -> bool:
        """Whether pair `at` became clearly and not by chance noisier, in a gate of this `level`."""
        return bool(self.p_adjusted[at] <= SHARE * level and self.times(at) >= TIMES)

    def may_be_noisier(self, at: int, level: float) -> bool:
        """Whether pair `at` looks noisier, and more sessions have to tell."""
        return bool(self.p_adjusted[at] <= level and self.times(at) >= TIMES)

    def times(self, at: int) -> float:
        """How much noisier it became, of the kind that grew more."""
        return float(max(self.between[at], self.within[at]))


@dataclass(frozen=True)
class _Test:
    """Cells that were tested together, of one kind of spread: ratio and p of each [R], and the p of all of them."""

    rows: NDArray[np.int64]
    ratio: Array
    own: Array
    joint: float


def spread(a: Sessions, b: Sessions, group: Groups, past: Sessions | None = None) -> Spread:
    """Compare the spreads of the two sides of each pair; pairs of one `group` [M] are tested together as well.

    Sessions of the `past` count with those of A as far back as they are at the same level.
    """
    a, b = latest(a, NEWEST), latest(b, NEWEST)
    before = latest(past, NEWEST).x if past is not None else np.full((len(a.x), 0), np.nan)
    between: list[_Test] = []
    within: list[_Test] = []
    for rows in _alike(a, b, group):
        n_a, n_b = int(a.n[rows[0]]), int(b.n[rows[0]])
        sides = a.x[rows, :n_a], b.x[rows, :n_b]
        between.append(_Test(rows, *_between(*sides, _level(_ends(before[rows]), *sides))))
        within += _within(rows, a.spread[rows, :n_a], b.spread[rows, :n_b])
    return _corrected(len(a.x), between, within)


def _alike(a: Sessions, b: Sessions, group: Groups) -> Iterator[NDArray[np.int64]]:
    """Yield the places of cells of one group with as many sessions a side: those are dealt together."""
    kinds, number = np.unique(np.stack([group, a.n, b.n], axis=1), axis=0, return_inverse=True)
    for kind, (_, n_a, n_b) in enumerate(kinds.tolist()):
        if min(n_a, n_b) >= MIN_SESSIONS:
            yield np.flatnonzero(number.reshape(-1) == kind)


def _ends(past: Array) -> Array:
    """The newest sessions of each row, as many as all rows have."""
    n = np.isfinite(past).sum(axis=1)
    shortest = int(n.min())
    place = (n - shortest)[:, None] + np.arange(shortest)
    return np.asarray(np.take_along_axis(past, place, axis=1))


def _level(past: Array, a: Array, b: Array) -> Array:
    """The newest blocks of the past whose medians lie no farther from the sides' than their sessions do."""
    both = np.concatenate([a, b], axis=1)
    middle = _median(both)
    limit = 3 * (_median(np.abs(both - middle)) * SIGMAS + RESOLUTION)
    start = past.shape[1]
    while start >= BLOCK and np.all(np.abs(_median(past[:, start - BLOCK : start]) - middle) <= limit):
        start -= BLOCK
    return past[:, start:]


def _between(a: Array, b: Array, past: Array) -> tuple[Array, Array, float]:
    """The ratio of scales of each row, its p, and that of all rows: by capped deviations from a common centre.

    It lies midway between the sides, so that a change of level puts both off by as much and is no spread of either.
    """
    n_a, n_b = a.shape[1], b.shape[1]
    before = np.concatenate([past, a], axis=1)
    off = np.abs(np.concatenate([before, b], axis=1) - (_median(before) + _median(b)) / 2)
    # What A did already is nothing new, and what the past did is not either.
    ratios = np.stack([_ratio(off[:, -n_b:], off[:, -n_b - n_a : -n_b]), _ratio(off[:, -n_b:], off[:, :-n_b])])
    scores = np.minimum(off / (_median(off) * SIGMAS + RESOLUTION), CAP)
    return ratios.min(axis=0), *_tested(ratios, scores, n_b)


def _within(rows: NDArray[np.int64], a: Array, b: Array) -> Iterator[_Test]:
    """Yield the same of the sessions' own standard deviations, whose logarithms are values like others."""
    enough = np.minimum(*(np.isfinite(side).sum(axis=1) for side in (a, b))) >= MIN_SESSIONS
    if not enough.any():
        return
    a, b = a[enough], b[enough]
    every = np.concatenate([a, b], axis=1)
    ratio = np.exp(np.clip(_median(b) - _median(a), -50.0, 50.0))[:, 0]
    if not np.any(ratio >= TIMES):  # most of the time, and the rest costs
        yield _Test(rows[enough], ratio, np.ones(len(ratio)), 1.0)
        return
    off = every - _median(every)
    unit = _median(np.abs(off)) * SIGMAS + RESOLUTION
    scores = np.nan_to_num(np.clip(off / unit, -CAP, CAP))  # a session of one repetition says nothing of it
    yield _Test(rows[enough], ratio, *_tested(ratio[None], scores, b.shape[1]))


def _tested(ratios: Array, scores: Array, n_b: int) -> tuple[Array, float]:
    """The p of each row and of all of them together, 1 where one of the ratios [K, R] is not worth a word."""
    ratio = ratios.min(axis=0)
    if not np.any(ratio >= TIMES):
        return np.ones(len(ratio)), 1.0
    own, joint = chance(scores, n_b)
    together = float(np.exp(np.log(ratios).mean(axis=1).min())) >= TIMES
    return np.where(ratio >= TIMES, own, 1.0), joint if together else 1.0


def _ratio(b: Array, a: Array) -> Array:
    """How many times the deviations of each row of b are those of a."""
    return np.asarray(np.sqrt((_scale(b) ** 2 + RESOLUTION**2) / (_scale(a) ** 2 + RESOLUTION**2)))


def _scale(off: Array) -> Array:
    """The mean of all but the largest TRIM of the deviations of each row."""
    kept = np.sort(off, axis=1)[:, : off.shape[1] - int(off.shape[1] * TRIM)]
    return np.asarray(kept.mean(axis=1), np.float64)


def _median(x: Array) -> Array:
    """The median of each row, of what is known of it."""
    middle = np.nanmedian if np.isnan(x).any() else np.median  # the first is slow
    return np.asarray(middle(x, axis=1, keepdims=True), np.float64)


def _corrected(cells: int, between: list[_Test], within: list[_Test]) -> Spread:
    """Correct over all cells and over all groups, which have half of the level each."""
    tests = [*between, *within]
    halves = 2.0 if any(len(test.rows) > 1 for test in tests) else 1.0  # groups of one cell are not tested twice
    own = adjusted(np.concatenate([test.own for test in tests] or [np.zeros(0)]))
    joint = adjusted(np.array([test.joint for test in tests]))
    p, shared, start = np.full(cells, np.nan), np.zeros(cells, np.bool_), 0
    for test, together in zip(tests, joint.tolist(), strict=True):
        alone = own[start : start + len(test.rows)]
        start += len(test.rows)
        best = np.where(test.ratio >= TIMES, np.minimum(np.minimum(alone, together) * halves, 1.0), 1.0)
        shared[test.rows] = np.where(best < np.nan_to_num(p[test.rows], nan=2.0), together < alone, shared[test.rows])
        p[test.rows] = np.fmin(p[test.rows], best)
    return Spread(_ratios(cells, between), _ratios(cells, within), p, shared)


def _ratios(cells: int, tests: list[_Test]) -> Array:
    ratio = np.ones(cells)
    for test in tests:
        ratio[test.rows] = test.ratio
    return ratio
