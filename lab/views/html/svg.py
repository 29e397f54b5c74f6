"""Small pictures in SVG, drawn without a script."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from lab.analysis.boards.charts import thinned
from lab.core.units import counted

HEIGHT = 22
DRAWN = 40  # points: some hundreds of these pictures are on a page


def spark_svg(values: Sequence[float], width: int = 88) -> str:
    """Return a line over the values with a dot at the newest; empty with fewer than two."""
    if len(values) < 2:
        return ""
    kept = thinned(np.asarray(values, np.float64), (), DRAWN).tolist()
    low, high = min(values), max(values)
    spread = (high - low) or 1.0
    step = (width - 6) / (len(values) - 1)
    points = [
        f"{3 + place * step:.0f},{HEIGHT - 4 - (values[place] - low) / spread * (HEIGHT - 8):.1f}" for place in kept
    ]
    x, y = points[-1].split(",")
    name = counted(len(values), "session")
    return (
        f'<svg class="spark" width="{width}" height="{HEIGHT}" role="img" aria-label="{name}">'
        f'<polyline points="{" ".join(points)}"/><circle cx="{x}" cy="{y}" r="2.4"/></svg>'
    )


def ticks(low: float, high: float, count: int = 4) -> list[float]:
    """Return round numbers from `low` to `high`, about `count` of them: steps of 1, 2 or 5 times a power of ten."""
    if not high > low:
        return [low]
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)
    first = math.ceil(low / step)
    return [number * step for number in range(first, math.floor(high / step) + 1)]
