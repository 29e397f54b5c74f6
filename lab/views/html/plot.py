"""The frame of a picture: from times and values to places in it, its axes, and labels that do not cover each other."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import pairwise

from lab.formats.metrics import format_value
from lab.views.html.escape import text
from lab.views.html.svg import ticks

WIDTH, HEIGHT = 480, 210
LEFT, RIGHT, TOP, BOTTOM = 54, 14, 22, 26
UNITS = {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40, "µs": 1e-6, "ms": 1e-3, "GB/s": 1e9, "GOP/s": 1e9}
LOG_FROM = 4.0  # times the lowest value: from there on lines at the bottom would be flat
DAY_S = 86_400
STEPS_S = (60, 300, 900, 3600, 3 * 3600, 6 * 3600, 12 * 3600, *(DAY_S * days for days in (1, 2, 5, 10, 15)))
MONTHS = (1, 2, 3, 6, 12, 24, 60)
MOST_DATES = 5
LANE = 12  # height of a line of labels
LANES = 3
LETTER = 6.4  # width of a letter of a label


@dataclass(frozen=True, kw_only=True)
class Frame:
    """`start` to `end` from left to right, `low` to `high` from the bottom up, which is a logarithm when `is_log`."""

    start: float
    end: float
    low: float
    high: float
    is_log: bool = False

    def x(self, at: float) -> float:
        """Return where a time is; a single one is in the middle."""
        share = (at - self.start) / (self.end - self.start) if self.end > self.start else 0.5
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        """Return where a value is."""
        low, high, at = (
            (math.log(one) for one in (self.low, self.high, max(value, self.low * 1e-3)))
            if self.is_log
            else (self.low, self.high, value)
        )
        return TOP + (high - at) / (high - low) * (HEIGHT - TOP - BOTTOM)


def frame_of(times: Sequence[float], values: Sequence[float], *, may_log: bool = True) -> Frame:
    """Return the frame that holds all of them with some room above and below; a logarithm where they lie far apart."""
    low, high = min(values), max(values)
    if may_log and low > 0 and high / low > LOG_FROM:
        return Frame(start=min(times), end=max(times), low=low / 1.15, high=high * 1.15, is_log=True)
    room = (high - low) * 0.08 or abs(high) * 0.05 or 1.0
    bottom = max(low - room, 0.0) if low >= 0 else low - room
    return Frame(start=min(times), end=max(times), low=bottom, high=high + room)


def axes(frame: Frame, metric: str) -> str:
    """Return lines at round values, the values beside them, the unit above and dates below."""
    return value_axis(frame, partial(format_value, metric)) + "".join(_dates(frame))


def value_axis(frame: Frame, shown_as: Callable[[float], str]) -> str:
    """Return lines at round values, numbers beside them, and the unit above, as `shown_as` writes values with it."""
    unit = shown_as(frame.high).partition(" ")[2]
    size = UNITS.get(unit, 1.0)
    values = _log_ticks(frame, size) if frame.is_log else ticks(frame.low / size, frame.high / size)
    step = min((b - a for a, b in pairwise(values)), default=abs(values[0]) or 1.0)
    digits = max(0, -math.floor(math.log10(step) + 1e-9)) if step > 0 else 0
    parts = [f'<text x="{LEFT - 6}" y="{TOP - 9}" text-anchor="end">{text(unit)}</text>'] if unit else []
    for value in values:
        y = frame.y(value * size)
        parts.append(f'<line class="grid-line" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:.{min(digits, 6)}f}</text>')
    return "".join(parts)


def number_axis(frame: Frame, shown_as: Callable[[float], str], whole: bool = False) -> str:
    """Return round numbers below the picture as `shown_as` writes them."""
    found = ticks(frame.start, frame.end, 5)
    return "".join(
        f'<text x="{frame.x(one):.0f}" y="{HEIGHT - 7}" text-anchor="middle">{text(shown_as(one))}</text>'
        for one in (dict.fromkeys(map(round, found)) if whole else found)
    )


def _log_ticks(frame: Frame, size: float) -> list[float]:
    low, high = frame.low / size, frame.high / size
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    for factors in ((1, 2, 5), (1, 3), (1,)):
        found = [factor * 10.0**power for power in range(first, last + 1) for factor in factors]
        inside = [one for one in found if low <= one <= high]
        if len(inside) <= 6:
            return inside or [low, high]
    return inside[:: len(inside) // 6 + 1]


def _dates(frame: Frame) -> Iterator[str]:
    year = 0
    for at_s in date_ticks(frame.start, frame.end):
        when, x = datetime.fromtimestamp(at_s, UTC), frame.x(at_s)
        name = date_name(when, year)
        year = when.year
        half = len(name) * LETTER / 2
        anchor = "start" if x < LEFT + half - 20 else "end" if x > WIDTH - half else "middle"
        yield f'<line class="grid-line" x1="{x:.1f}" x2="{x:.1f}" y1="{HEIGHT - BOTTOM}" y2="{HEIGHT - BOTTOM + 4}"/>'
        yield f'<text x="{x:.0f}" y="{HEIGHT - 7}" text-anchor="{anchor}">{name}</text>'


def date_name(when: datetime, year: int) -> str:
    """Return a time as a label behind one of `year`, 0 for none: the first has its year, hours have theirs."""
    clock = f"{when:%H:%M}" if (when.hour, when.minute) != (0, 0) else ""
    day = "" if clock and year else f"{when:%m-%d}" if when.year == year else f"{when:%Y-%m-%d}"
    return f"{day} {clock}".strip()


def date_ticks(start_s: float, end_s: float) -> list[float]:
    """Return round times from start to end, at most MOST_DATES: of hours, days or the first days of months, UTC."""
    if end_s <= start_s:
        return [start_s]
    for step in STEPS_S:
        if (end_s - start_s) / step < MOST_DATES:
            first = math.ceil(start_s / step)
            return [number * step for number in range(first, math.floor(end_s / step) + 1)] or [start_s]
    return _months(start_s, end_s)


def _months(start_s: float, end_s: float) -> list[float]:
    first = datetime.fromtimestamp(start_s, UTC)
    count = (datetime.fromtimestamp(end_s, UTC) - first) / timedelta(days=30.4)
    step = next((months for months in MONTHS if count / months < MOST_DATES), MONTHS[-1])
    numbers = range(first.year * 12 + first.month, first.year * 12 + first.month + int(count) + 2)
    found = [datetime(number // 12, number % 12 + 1, 1, tzinfo=UTC) for number in numbers if number % step == 0]
    return [one.timestamp() for one in found if start_s <= one.timestamp() <= end_s][: 2 * MOST_DATES]


@dataclass(frozen=True)
class Mark:
    """A line through the picture at `x` with a label, and what more there is to say of it."""

    kind: str
    x: float
    label: str
    more: str = ""


def marks_svg(marks: Iterable[Mark]) -> str:
    """Return the marks, their labels below each other where side by side they would cover each other.

    A label that finds no room is left out; its line stays.
    """
    ends = [0.0] * LANES
    parts = []
    for mark in sorted(marks, key=lambda one: one.x):
        wide = len(mark.label) * LETTER
        x = min(mark.x + 4, WIDTH - RIGHT - wide)
        lane = next((place for place, end in enumerate(ends) if end <= x), None)
        title = f"<title>{text(mark.more)}</title>" if mark.more else ""
        parts.append(
            f'<line class="{mark.kind}" x1="{mark.x:.0f}" x2="{mark.x:.0f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>'
        )
        if lane is not None:
            ends[lane] = x + wide + 6
            y = TOP + 9 + lane * LANE
            parts.append(f'<text class="{mark.kind}" x="{x:.0f}" y="{y}">{text(mark.label)}{title}</text>')
    return "".join(parts)
