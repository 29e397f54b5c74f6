"""Small pictures of numbers in a line of text: a series as a sparkline, rows as horizontal bars of one scale."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from statistics import median

BARS = "▁▂▃▄▅▆▇█"
EIGHTHS = " ▏▎▍▌▋▊▉"
FULL = "█"
MARK = "│"


def sparkline(values: Sequence[float], width: int, least: float = 0.0) -> str:
    """Return up to `width` bars, scaled from the smallest value to the largest.

    The height is at least the fraction `least` of the middle value, so that noise does not fill it. Where several
    values share a bar it shows that which lies farthest from the middle, so that no outlier disappears.
    """
    if not values:
        return ""
    low, high = _scale(values, least)
    return "".join(_bar(height, low, high) for height in _heights(values, width))


def change_sparkline(values: Sequence[float], mark: int, width: int, least: float = 0.0) -> str:
    """Return bars of the values around place `mark`, with a line before it: `▆▆▇▆│▂▁▂`."""
    room = min(max(width - 1, 2), len(values))
    first = max(min(mark - room // 2, len(values) - room), 0)
    part = values[first : first + room]
    low, high = _scale(part, least)
    drawn = [_bar(value, low, high) for value in part]
    return "".join((*drawn[: mark - first], MARK, *drawn[mark - first :]))


def _scale(values: Sequence[float], least: float) -> tuple[float, float]:
    low, high = min(values), max(values)
    more = max(least * abs(median(values)) - (high - low), 0.0) / 2
    return low - more, high + more


def _heights(values: Sequence[float], width: int) -> list[float]:
    count = min(width, len(values))
    edges = [round(i * len(values) / count) for i in range(count + 1)]
    middle = median(values)
    return [max(values[start:stop], key=lambda value: abs(value - middle)) for start, stop in pairwise(edges)]


def _bar(height: float, low: float, high: float) -> str:
    if high <= low:
        return BARS[0]
    return BARS[round((height - low) / (high - low) * (len(BARS) - 1))]


def bar(value: float, most: float, width: int) -> str:
    """Return a bar as long as `value` is of `most`, at the most `width` columns; nothing for what is not above 0."""
    if value <= 0 or most <= 0:
        return ""
    eighths = max(round(min(value / most, 1.0) * width * 8), 1)
    return (FULL * (eighths // 8) + EIGHTHS[eighths % 8]).rstrip()


Interval = tuple[float, float]


def bar_with_interval(value: float, interval: Interval | None, most: float, width: int) -> str:
    """Return a bar whose end is blurred: darker from the interval's low end to `value`, lighter from there to its high.

    Without an interval, or with one too narrow to be drawn, it is that of `bar`.
    """
    plain = bar(value, most, width)
    if interval is None or value <= 0 or most <= 0:
        return plain
    low, middle, high = (round(min(max(one, 0.0) / most, 1.0) * width) for one in (interval[0], value, interval[1]))
    return plain if high - low < 1 else FULL * low + "▓" * (middle - low) + "░" * (high - middle)


def bars(rows: Sequence[tuple[str, float | None, Interval | None, str]], width: int) -> list[str]:
    """Return a line for each (name, value, interval, value as text), all on one scale; no value has no bar."""
    names = max((len(name) for name, *_ in rows), default=0)
    texts = max((len(text) for *_, text in rows), default=0)
    most = max(
        (max(value, interval[1] if interval else 0.0) for _, value, interval, _ in rows if value is not None),
        default=0.0,
    )
    room = max(width - names - texts - 2, 4)
    return [
        f"{name:<{names}} {text:<{texts}} {bar_with_interval(value or 0.0, interval, most, room)}".rstrip()
        for name, value, interval, text in rows
    ]
