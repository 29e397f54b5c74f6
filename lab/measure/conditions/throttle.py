"""Was the device slowed down by heat or power while it ran? True, False, or null where it can't be told."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Any, NamedTuple

from lab.core.units import percent
from lab.formats.run_record import ThrottleSign
from lab.measure.conditions.samplers import busy_clock_mhz
from lab.measure.protocol import CLOCK_DROP, LATE_OVER_EARLY

SLOWING_LEVELS = ("heavy", "trapping", "sleeping")
MIN_GAPS = 12  # a third of fewer gaps is one or two numbers
MAX_GROWTH = 0.25  # a context that grows by more within the run slows the steps down by itself

Verdict = tuple[bool | None, str | None]


class Slowing(NamedTuple):
    """Whether it slowed down, why, and by which signs: clocks, heat, or the rate of tokens. Named as records do."""

    throttled: bool | None
    throttled_reason: str | None
    throttled_by: tuple[ThrottleSign, ...] | None = None


def judge(
    before: dict[str, Any] | None,
    during: dict[str, Any] | None,
    threads: int,
    itl_s: Sequence[float],
    context: int,
) -> Slowing:
    """Judge by clocks, heat that slows, and late gaps compared with early ones; any sign is enough.

    `context` is the number of tokens in the cache at the first gap.
    """
    clock, heat, (slowed, why) = by_clock(before, during, threads), by_pressure(during), by_rate(itl_s, context)
    if slowed and not clock[0] and not heat[0]:
        why = f"{why}, {'clock unchanged' if clock[0] is False else 'clock not measured'}"
    verdicts: dict[ThrottleSign, Verdict] = {"clock": clock, "heat": heat, "rate": (slowed, why)}
    for wanted in (True, False):
        reasons = {sign: reason for sign, (verdict, reason) in verdicts.items() if verdict is wanted}
        if reasons:
            return Slowing(
                wanted, "; ".join(filter(None, reasons.values())) or None, tuple(reasons) if wanted else None
            )
    return Slowing(None, "; ".join(reason for _, reason in verdicts.values() if reason))


def by_clock(before: dict[str, Any] | None, during: dict[str, Any] | None, threads: int) -> Verdict:
    """Compare the median clock during the run with the clock before it."""
    baseline = busy_clock_mhz(before or {}, threads)
    seen = [mhz for mhz in (during or {}).get("cpu_mhz", []) if mhz]
    if not baseline or not seen:
        return None, "clocks not measured"
    drop = 1 - median(seen) / baseline
    if drop > CLOCK_DROP:
        return True, f"the clock fell by {percent(drop, 0)}, from {baseline:.0f} to {median(seen):.0f} MHz"
    return False, None


def by_pressure(during: dict[str, Any] | None) -> Verdict:
    """Take what a Mac says of heat during the run: its level of thermal pressure, and the limit of its speed."""
    levels = [level for level in (during or {}).get("thermal_pressure", []) if level]
    limits = [limit for limit in (during or {}).get("speed_limit", []) if limit is not None]
    slowed = [level for level in levels if level in SLOWING_LEVELS]
    if slowed:
        return True, f"thermal pressure was {slowed[-1]}"
    if limits and min(limits) < 1:
        return True, f"the speed was limited to {percent(min(limits), 0)}"
    return (False if levels and set(levels) == {"nominal"} else None), None


def by_rate(itl_s: Sequence[float], context: int) -> Verdict:
    """Compare the median gap of the last third of a run with that of the first third."""
    third = len(itl_s) // 3
    if len(itl_s) < MIN_GAPS:
        return None, f"{len(itl_s)} gaps are too few to compare late with early"
    ratio = median(itl_s[-third:]) / median(itl_s[:third])
    if ratio <= LATE_OVER_EARLY:
        return False, None
    slower = f"slowed within the run by {percent(ratio - 1, 0)}"
    growth = (len(itl_s) - third) / (context + third / 2)
    if growth > MAX_GROWTH:
        return None, f"{slower}, but the context grew by {percent(growth, 0)}"
    return True, slower
