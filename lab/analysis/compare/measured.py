"""What a value of an axis measured by itself, whatever it is compared with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from lab.analysis.judging.evidence import INTERVAL, MIN_SESSIONS
from lab.analysis.judging.numbers import in_side, sessions
from lab.analysis.judging.sides import Side
from lab.analysis.judging.special import t_quantile
from lab.analysis.points.key import SeriesKey
from lab.analysis.points.table import Points


@dataclass(frozen=True)
class Measured:
    """A number in the metric's own unit, of so many sessions, with its 95 % confidence interval.

    The interval is None of fewer sessions than tell how much sessions differ.
    """

    value: float
    sessions: int
    interval: tuple[float, float] | None = None

    def at(self, value: float) -> Measured:
        """Return the same around the judge's centre, which sessions far off pull less: as wide, in percent."""
        low, high = self.interval or (0.0, 0.0)
        scaled = (low * value / self.value, high * value / self.value)
        return replace(self, value=value, interval=scaled if self.interval else None)


def measured(points: Points, side: Side, series: Sequence[SeriesKey]) -> dict[SeriesKey, Measured]:
    """Return the median over the side's sessions of each series that has one.

    The interval is Student's t on logarithms of the sessions' values: what lies between sessions, and not between
    the repetitions of one.
    """
    wanted = list(dict.fromkeys(series))
    places = {key: place for place, key in enumerate(points.keys)}
    found = sessions(points, in_side(points, side), np.array([places[key] for key in wanted], np.int32))
    rows = (row[np.isfinite(row)] for row in found.x)
    return {key: of_values(row) for key, row in zip(wanted, rows, strict=True) if len(row)}


def of_values(logs: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Measured:
    """Return the median of sessions whose logarithms are given [S], S at least 1, with its interval."""
    n, middle = len(logs), float(np.median(logs))
    if n < MIN_SESSIONS:
        return Measured(float(np.exp(middle)), n)
    reach = float(t_quantile(1 - INTERVAL, n - 1) * logs.std(ddof=1) / np.sqrt(n))
    return Measured(float(np.exp(middle)), n, (float(np.exp(middle - reach)), float(np.exp(middle + reach))))
