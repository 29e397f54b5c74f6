"""Small pictures of numbers in a line of text: a series as a sparkline, rows as horizontal bars of one scale."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

BARS = "▁▂▃▄▅▆▇█"
EIGHTHS = " ▏▎▍▌▋▊▉"
FULL = "█"


def sparkline(values: Sequence[float], width: int) -> str:
    """Return up to `width` bars, scaled from the smallest value to the largest; a bar shows its share's largest."""
    if not values:
        return ""
    count = min(width, len(values))
    edges = [round(i * len(values) / count) for i in range(count + 1)]
    heights = [max(values[start:stop]) for start, stop in pairwise(edges)]
    low, high = min(values), max(values)
    return "".join(_bar(height, low, high) for height in heights)


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


def bars(rows: Sequence[tuple[str, float | None, str]], width: int) -> list[str]:
    """Return a line for each (name, value, value as people read it), all on one scale; no value has no bar."""
    names = max((len(name) for name, _, _ in rows), default=0)
    texts = max((len(text) for _, _, text in rows), default=0)
    most = max((value for _, value, _ in rows if value is not None), default=0.0)
    room = max(width - names - texts - 2, 4)
    return [f"{name:<{names}} {text:>{texts}} {bar(value or 0.0, most, room)}".rstrip() for name, value, text in rows]
