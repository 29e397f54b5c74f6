"""Small pictures in SVG, drawn without a script."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median

import numpy as np

from lab.analysis.boards.charts import thinned
from lab.core.units import counted

HEIGHT = 22
DRAWN = 40  # points: some hundreds of these pictures are on a page


def spark_svg(values: Sequence[float], width: int = 88, mark: int = -1, least: float = 0.0) -> str:
    """Return a line over the values with a dot at the newest; empty with fewer than two.

    Its height is at least the fraction `least` of the middle value, so that noise does not fill it. The value at place
    `mark` has a line through the picture: a new level begins there.
    """
    if len(values) < 2:
        return ""
    kept = thinned(np.asarray(values, np.float64), [mark] if mark > 0 else (), DRAWN).tolist()
    more = max(least * abs(median(values)) - (max(values) - min(values)), 0.0) / 2
    low, spread = min(values) - more, (max(values) - min(values) + 2 * more) or 1.0
    step = (width - 6) / (len(values) - 1)
    x = 3 + (mark - 0.5) * step
    line = f'<line x1="{x:.0f}" x2="{x:.0f}" y1="1" y2="{HEIGHT - 1}"/>' if 0 < mark < len(values) else ""
    points = [
        f"{3 + place * step:.0f},{HEIGHT - 4 - (values[place] - low) / spread * (HEIGHT - 8):.1f}" for place in kept
    ]
    end, y = points[-1].split(",")
    name = counted(len(values), "session")
    return (
        f'<svg class="spark" width="{width}" height="{HEIGHT}" role="img" aria-label="{name}">'
        f'<polyline points="{" ".join(points)}"/>{line}<circle cx="{end}" cy="{y}" r="2.4"/></svg>'
    )


def ticks(low: float, high: float, count: int = 4) -> list[float]:
    """Return round numbers from `low` to `high`, about `count` of them: steps of 1, 2 or 5 times a power of ten.

    There are two at least where `high` is above `low`: one number alone gives no scale.
    """
    if not high > low:
        return [low]
    power = 10.0 ** math.floor(math.log10((high - low) / count))
    steps = [power * factor for factor in (10.0, 5.0, 2.0, 1.0, 0.5, 0.2, 0.1)]
    for step in steps[max(place for place, one in enumerate(steps) if one >= (high - low) / count) :]:
        found = [number * step for number in range(math.ceil(low / step), math.floor(high / step) + 1)]
        if len(found) > 1:
            return found
    return [low, high]
