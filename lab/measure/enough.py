"""How many repetitions are enough, where nobody named a number: until the medians are known to the plan's precision.

The interval of a median over n repetitions is +- t(0.975, n - 1) * s * sqrt(pi / 2n), s their sample deviation: the
standard error of a normal sample's median, which is a little wide for the few repetitions that are usual here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import inf, pi, sqrt
from statistics import median, stdev

from lab.measure.plan import LEAST_REPEATS, MOST_REPEATS, USUAL_REPEATS, Plan

# Student's t, 97.5 %, by degrees of freedom from 1.
T975 = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262)


@dataclass(frozen=True)
class Standing:
    """How well a session knows its medians: `half_widths` of their 95 % intervals, as fractions of them."""

    done: int
    half_widths: tuple[float, ...]
    deviations: tuple[float, ...]


def standing(samples: Iterable[Sequence[float]], done: int) -> Standing:
    """Return what `done` repetitions tell; each of `samples` is the finished ones of one cell and metric, in order."""
    found = list(samples)
    return Standing(done, tuple(half_width(values) for values in found), tuple(map(_deviation, found)))


def half_width(values: Sequence[float]) -> float:
    """Return half the width of the median's 95 % interval as a fraction of it; infinite for fewer than two values."""
    return _half_width(_deviation(values), len(values))


def repeats_for(now: Standing, plan: Plan, elapsed_s: float) -> int:
    """Return how many repetitions there shall be in all, asked after each: `now.done` where they are enough.

    As many as bring every interval down to the precision. Where the most that are allowed, or that fit into the time,
    would not do that, the usual number: what is left then is the spread of the machine, and no median makes it smaller.
    `elapsed_s` is what those that are done took.
    """
    if not plan.adapts or now.done < LEAST_REPEATS:
        return plan.repeats
    if all(width <= plan.measure.precision for width in now.half_widths):
        return now.done
    fits = (
        now.done + int((plan.measure.budget_s - elapsed_s) / (elapsed_s / now.done)) if elapsed_s > 0 else MOST_REPEATS
    )
    most = min(MOST_REPEATS, fits)
    needed = (n for n in range(now.done + 1, most + 1) if _all_within(now, n, plan.measure.precision))
    return max(now.done, next(needed, min(most, USUAL_REPEATS)))


def _all_within(now: Standing, n: int, precision: float) -> bool:
    return all(_half_width(deviation, n) <= precision for deviation in now.deviations)


def _half_width(deviation: float, n: int) -> float:
    return T975[n - 2] * deviation * sqrt(pi / (2 * n)) if 2 <= n <= MOST_REPEATS else inf


def _deviation(values: Sequence[float]) -> float:
    return stdev(values) / median(values) if len(values) > 1 else inf
