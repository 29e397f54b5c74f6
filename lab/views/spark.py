"""A series of numbers as one line of small bars."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

BARS = "▁▂▃▄▅▆▇█"


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
