"""Old and new measured again in turns, A B B A: what a suspicion is worth."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lab.analysis.judging.matching import matched
from lab.analysis.judging.noise import centre, moderated, prior, residuals
from lab.analysis.judging.numbers import Sessions, sessions
from lab.analysis.judging.sides import Policy, Side
from lab.analysis.judging.special import t_quantile, t_two_sided
from lab.analysis.judging.verdict import Verdict
from lab.analysis.judging.verdict_text import beyond, direction, within
from lab.analysis.points.table import Points
from lab.core.units import change, p_value

Array = NDArray[np.float64]

TEST = "moderated paired t"
LEAST_PAIRS = 4  # two rounds of A B B A
ROUNDS = 5  # of A B B A: a loss of 5 % is then found on devices whose sessions differ by 2 %


@dataclass(frozen=True)
class Paired:
    """What pairs of sessions say, on the scale of natural logarithms: [M] each, as in Evidence."""

    n: NDArray[np.int64]
    effect: Array
    low: Array
    high: Array
    p: Array


def paired(differences: Array, group: NDArray[np.int64]) -> Paired:
    """Weigh the differences b - a of neighbouring sessions [M, S], nan where there is none.

    Each A has a B beside it, once before and once after, so that whatever moves slowly cancels in the mean; cells of
    one `group` share what they know of noise, as between sides.
    """
    n = np.isfinite(differences).sum(axis=1)
    df = np.maximum(n - 1.0, 0.0)
    mean = np.nansum(differences, axis=1) / np.maximum(n, 1)
    first = np.nansum((differences - mean[:, None]) ** 2, axis=1) / np.maximum(df, 1)
    sigma = np.sqrt(moderated(first, df, prior(first, df, group))[0])
    effect = centre(differences, sigma)
    s2 = np.nansum(residuals(differences, effect, sigma) ** 2, axis=1) / np.maximum(df, 1)
    mixed, total = moderated(s2, df, prior(s2, df, group))
    se = np.sqrt(mixed / np.maximum(n, 1))
    p = np.where(n >= LEAST_PAIRS, t_two_sided(effect / se, np.maximum(total, 1)), np.nan)
    reach = t_quantile(0.05, np.maximum(total, 1)) * se
    return Paired(n, effect, effect - reach, effect + reach, p)


def confirmed(
    verdict: Verdict, points: Points, a: Side, b: Side, turn: NDArray[np.int32], policy: Policy, suspects: int
) -> Verdict:
    """Return the verdict as the confirm sessions have it: those of `a` and `b` were measured in turns, A B B A.

    `turn` [R] is the place of each run of `points` in that order, from 0: turns 0 and 1 are neighbours, 2 and 3, and so
    on. A session without its neighbour, which failed or swapped, counts for nothing.

    It is confirmed when they differ in the same direction, by the floor at the least, and by more than chance at
    `policy.level` divided by the number of `suspects` that are measured again (Bonferroni; one-sided, since the
    suspicion names the direction). These sessions are new, so the many cells that were not suspected cost nothing.
    With too few of them the verdict stays as it is.
    """
    found, at = _of(verdict, points, a, b, turn, policy)
    if found is None or at is None or not np.isfinite(found.p[at]):
        few = 0 if found is None or at is None else int(found.n[at])
        return replace(
            verdict, reason=f"{verdict.reason}; neither confirmed nor refuted: {few} pairs of sessions are too few"
        )
    floor = verdict.floor if verdict.floor is not None else policy.floor(verdict.cell.target, verdict.cell.metric)
    effect, p = float(found.effect[at]), min(float(found.p[at]) / 2 * max(suspects, 1), 1.0)
    alike = verdict.ratio is None or (effect > 0) == (verdict.ratio > 1)
    holds = alike and beyond(effect, floor) and p <= policy.level
    result = f"{change(float(np.exp(effect)))} in {int(found.n[at])} pairs of interleaved sessions ({p_value(p)})"
    if holds:
        word = direction(verdict.cell.metric, effect > 0)
        return replace(
            verdict, word=word, confirmed=True, needed=None, reason=f"confirmed: {result}; before: {verdict.reason}"
        )
    settled = within(float(found.low[at]), float(found.high[at]), floor)
    return replace(
        verdict,
        word="same" if settled else "unproven",
        confirmed=False,
        reason=f"not confirmed: {result}; before: {verdict.reason}",
    )


def _of(
    verdict: Verdict, points: Points, a: Side, b: Side, turn: NDArray[np.int32], policy: Policy
) -> tuple[Paired | None, int | None]:
    """The pairs of all cells that were measured again, and the place of the verdict's cell among them."""
    found = matched(points, a, b, policy)
    if not found.pairs:
        return None, None
    before = sessions(points, found.mask_a, np.array([pair.a for pair in found.pairs], np.int32))
    after = sessions(points, found.mask_b, np.array([pair.b for pair in found.pairs], np.int32))
    cells = [points.keys[pair.b].cell for pair in found.pairs]
    place = next((i for i, cell in enumerate(cells) if cell == verdict.cell), None)
    pairs = int(turn.max()) // 2 + 1
    return paired(_by_pair(after, turn, pairs) - _by_pair(before, turn, pairs), found.groups(points)), place


def _by_pair(of: Sessions, turn: NDArray[np.int32], pairs: int) -> Array:
    """The sessions of one side by the pair that they are of, nan where that one has none. [M, pairs]"""
    result = np.full((len(of.x), pairs), np.nan)
    row, column = np.nonzero(np.isfinite(of.x))
    result[row, turn[of.run[row, column]] // 2] = of.x[row, column]
    return result
