"""When a side measured a series, and which of its series took over from others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lab.analysis.points.table import Points


class Span(NamedTuple):
    """The first and the last run (places in `Points.runs`) and the number of sessions."""

    first: int
    last: int
    sessions: int


def spans(points: Points, mask: NDArray[np.bool_]) -> dict[int, Span]:
    """Return when each series (a place in `Points.keys`) that has points under `mask` was measured."""
    series, run = points.series[mask], points.run[mask]
    order = np.argsort(series, kind="stable")  # points are sorted by run
    places, starts, counts = np.unique(series[order], return_index=True, return_counts=True)
    first, last = run[order][starts], run[order][starts + counts - 1]
    return {int(place): Span(*map(int, one)) for place, *one in zip(places, first, last, counts, strict=True)}


def current(series: Sequence[int], when: Mapping[int, Span]) -> list[int]:
    """Return those that no other took over from: that began when it had ended, and that is no mere pair of sessions.

    Of two single sessions one is always the later one; they were measured side by side as likely as not.
    """
    return [one for one in series if not any(_after(when[one], when[other]) for other in series if other != one)]


def _after(one: Span, other: Span) -> bool:
    return other.first > one.last and max(one.sessions, other.sessions) > 1
