"""From evidence to words, each with the sentence that says why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from lab.analysis.judging.evidence import MIN_SESSIONS, TEST, Evidence, sessions_needed
from lab.analysis.judging.sides import Policy
from lab.analysis.judging.spread import Spread
from lab.analysis.judging.verdict import Verdict
from lab.analysis.points.key import CellKey
from lab.core.units import change, counted, p_value, percent
from lab.formats.metrics import metric
from lab.formats.verdicts import Word

Array = NDArray[np.float64]


def verdicts(cells: Sequence[CellKey], found: Evidence, noise: Spread, policy: Policy) -> list[Verdict]:
    """Return a verdict for each of the cells [M], whose evidence is `found` and `noise`."""
    floors = np.array([policy.floor(cell.target, cell.metric) for cell in cells])
    needed = sessions_needed(found, floors, policy.level)
    told = [_verdict(cell, found, at, float(floors[at]), needed, policy) for at, cell in enumerate(cells)]
    if policy.across:  # another engine is as steady as it is: nothing became noisier
        return told
    return [_noisier(verdict, noise, at, policy.level) for at, verdict in enumerate(told)]


def _noisier(verdict: Verdict, noise: Spread, at: int, level: float) -> Verdict:
    """The verdict, or that it became noisier where there is nothing worse to say.

    A change over the floor that is not proven stays `unproven`: it may be a loss, and the noise is why nobody knows.
    What looks noisier and may be chance is a remark: it takes nothing from what is proven of the level.
    """
    if not noise.may_be_noisier(at, level):
        return verdict
    proven, message = noise.is_noisier(at, level), _more_noise(noise, at)
    likely = verdict.ratio is not None and beyond(float(np.log(verdict.ratio)), verdict.floor or 0.0)
    if not proven:
        return replace(verdict, reason=f"{verdict.reason}; {message}, not significant")
    if verdict.word == "same" or (verdict.word == "unproven" and not likely):
        return replace(verdict, word="noisier", reason=f"{message}; {verdict.reason}")
    return replace(verdict, reason=f"{verdict.reason}; {message}")


def _more_noise(noise: Spread, at: int) -> str:
    where = "between" if noise.between[at] >= noise.within[at] else "within"
    others = ", pooled with the other series of this metric" if noise.shared[at] else ""
    size = f"variation {where} sessions is {noise.times(at):.1f} times as large"
    return f"{size} ({p_value(noise.p_adjusted[at])}{others})"


def _verdict(
    cell: CellKey, found: Evidence, at: int, floor: float, needed: NDArray[np.int64], policy: Policy
) -> Verdict:
    word = _word(cell.metric, found, at, floor, policy.level)
    more = int(needed[at]) if word == "unproven" and needed[at] > 0 else None
    return Verdict(
        cell=cell,
        word=word,
        reason=_reason(word, found, at, floor, more),
        a=_known(np.exp(found.a[at])),
        b=_known(np.exp(found.b[at])),
        sessions_a=int(found.n_a[at]),
        sessions_b=int(found.n_b[at]),
        ratio=_known(np.exp(found.effect[at])),
        interval=_interval(found, at),
        floor=floor,
        test=TEST if np.isfinite(found.p[at]) else None,
        p=_known(found.p[at]),
        p_adjusted=_known(found.p_adjusted[at]),
        needed=more,
    )


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _interval(found: Evidence, at: int) -> tuple[float, float] | None:
    low, high = float(np.exp(found.low[at])), float(np.exp(found.high[at]))
    return (low, high) if np.isfinite(low) and np.isfinite(high) else None


def _word(name: str, found: Evidence, at: int, floor: float, level: float) -> Word:
    if not found.n_a[at] or not found.n_b[at]:
        return "not-comparable"
    if min(found.n_a[at], found.n_b[at]) < MIN_SESSIONS or not np.isfinite(found.p[at]):
        return "unproven"
    if within(float(found.low[at]), float(found.high[at]), floor):
        return "same"
    if found.p_adjusted[at] > level or not beyond(found.effect[at], floor):
        return "unproven"
    return direction(name, found.effect[at] > 0)


def direction(name: str, up: bool) -> Word:
    """Return what a proven change of metric `name` is called."""
    row = metric(name)
    if row.format == "bytes":
        return "bigger" if up else "smaller"
    return "faster" if up == (row.better == "higher") else "slower"


def beyond(effect: float, floor: float) -> bool:
    """Whether a change of the logarithm is as large as the floor, a fraction of the old value."""
    return bool(effect >= np.log1p(floor) or effect <= np.log1p(-floor))


def within(low: float, high: float, floor: float) -> bool:
    """Whether a whole interval of the logarithm is smaller than the floor: no difference that matters."""
    return bool(low > np.log1p(-floor) and high < np.log1p(floor))


def _reason(word: Word, found: Evidence, at: int, floor: float, more: int | None) -> str:
    if word == "not-comparable":
        side = "baseline" if not found.n_a[at] else "candidate"
        return f"no session of the {side} has a value that can be compared"
    few = min(found.n_a[at], found.n_b[at])
    if few < MIN_SESSIONS:
        least = f"needs at least {MIN_SESSIONS} sessions per side (has {few})"
        return least + (_more(more) if more is not None and few + more > MIN_SESSIONS else "")
    if word == "same":
        return f"no change above the {percent(floor)} threshold"
    size, p = change(float(np.exp(found.effect[at]))), p_value(found.p_adjusted[at])
    if word != "unproven":
        return f"{size}, above the {percent(floor)} threshold, statistically significant ({p}, adjusted)"
    if not beyond(found.effect[at], floor):
        reach = f"below the {percent(floor)} threshold, but the confidence interval reaches beyond it"
        return f"{size}, {reach}{_more(more)}"
    return f"{size}, not significant ({p}, adjusted){_more(more)}"


def _more(more: int | None) -> str:
    return "" if more is None else f"; {counted(more, 'more session')} per side may decide"
