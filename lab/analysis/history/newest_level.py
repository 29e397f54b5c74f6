"""Whether the newest few sessions lie at another level than all before them.

Ranks cannot say it of fewer than seven: their chance depends on nothing but the counts. Here the size speaks as well.
The chance that one session strays so far, by a heavy-tailed distribution and by what the level before has seen, is
raised to the number of sessions that did so in a row; noise that remembers has to allow it too.
"""

from __future__ import annotations

from math import atan, erfc, pi, sqrt

import numpy as np

from lab.analysis.history.energy import Numbers
from lab.analysis.history.noise import long_run_sd

FEWEST, MOST = 2, 12  # newest sessions that are looked at; from seven on ranks find a level as well
BEFORE, LOOKED_AT = 15, 100  # sessions of the level before: the fewest, and the most
SHARE = 0.5  # of the level of all changes
MEDIAN_T = 0.7649  # the median of |t|, for Student's t with 3 degrees of freedom: as heavy as tails of benchmarks come
RESOLUTION = 1e-3  # of the level: what repeats to the last digit still has a resolution


def newest_level(values: Numbers, level: float) -> tuple[int, float] | None:
    """Return where the newest level of the series [n] begins, and the p of that; None where there is no new one.

    `values` are positive and at one level before; `level` is the chance of seeing any change in a series with none.
    """
    if len(values) < BEFORE + FEWEST or not _may_be(values[-LOOKED_AT:]):
        return None
    x = np.log(values)
    found = [(_p(x[max(0, len(x) - many - LOOKED_AT) :], many), len(x) - many) for many in _counts(len(x))]
    p, place = min(found, default=(1.0, 0))
    return (place, p) if p <= level * SHARE else None


def _may_be(values: Numbers) -> bool:
    """Whether the last two lie near one end of all others: what costs little and is mostly the answer."""
    before, last = np.sort(values[:-FEWEST]), values[-FEWEST:]
    most = min(MOST, len(before) // 2)  # as many may be at the newest level as well
    return bool(last.max() <= before[most - 1] or last.min() >= before[-most])


def _counts(length: int) -> range:
    return range(FEWEST, min(MOST, length - BEFORE) + 1)


def _p(x: Numbers, many: int) -> float:
    """The p of the last `many` of the logarithms x against all others, for the best of all counts, either way."""
    before, after = x[:-many], x[-many:]
    centre = float(np.median(before))
    sign = 1.0 if float(np.median(after)) > centre else -1.0
    nearest = float((sign * (after - centre)).min())
    if nearest <= 0:
        return 1.0
    seen = np.count_nonzero(sign * (before - centre) >= nearest) / len(before)
    single = max(_beyond(nearest / _scale(before - centre)), float(seen))
    trials = 2 * (MOST - FEWEST + 1)
    return min(1.0, trials * max(single**many, _by_levels(x, many, abs(float(np.median(after)) - centre))))


def _beyond(t: float) -> float:
    """P(T > t) for Student's t with 3 degrees of freedom."""
    return max(0.5 - (t / (sqrt(3) * (1 + t * t / 3)) + atan(t / sqrt(3))) / pi, 0.0)


def _scale(off: Numbers) -> float:
    """The scale of a t distribution with such deviations; rare far ones count, so that they are no surprise."""
    far = np.abs(off)
    return max(float(np.median(far)) / MEDIAN_T, float(far.mean()) * pi / (2 * sqrt(3)), RESOLUTION)


def _by_levels(x: Numbers, many: int, apart: float) -> float:
    """The p of two medians that lie so far apart in noise with a memory."""
    noise = max(long_run_sd(x, [len(x) - many]), RESOLUTION)
    return erfc(apart / (noise * sqrt(pi / 2 * (1 / many + 1 / (len(x) - many)))) / sqrt(2)) / 2
