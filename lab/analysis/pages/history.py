"""One metric of a series over time: its sessions, levels between change points, and where conditions changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from lab.analysis.boards.charts import thinned
from lab.analysis.boards.lines import Line
from lab.analysis.boards.newest import Newest
from lab.analysis.history.regression import Regression

BAND = (5, 95)  # percentiles of the sessions at a level


@dataclass(frozen=True, kw_only=True)
class Session:
    """One session: `value` is its median and `sd` its standard deviation, in the metric's own unit; null is unknown.

    `seam` says which conditions are others from there on.
    """

    at_s: int
    value: float
    sd: float | None
    run_id: str
    commit: str
    seam: str = ""


@dataclass(frozen=True, kw_only=True)
class Level:
    """The sessions between two change points: their median, and the percentiles of BAND. Times are the ends."""

    start_s: int
    end_s: int
    value: float
    low: float
    high: float
    sessions: int


@dataclass(frozen=True, kw_only=True)
class MetricHistory:
    """`sessions` are those to draw, of `total`; `changes` the change points, oldest first."""

    line: Line
    sessions: tuple[Session, ...]
    total: int
    levels: tuple[Level, ...]
    changes: tuple[Regression, ...]


def metric_history(line: Line, one: Newest, changes: Sequence[Regression], most: int) -> MetricHistory:
    """Return the history of the line with at most about `most` sessions, of which no extreme gets lost."""
    points, runs = one.points, one.points.runs
    places, codes = one.sound, one.points.run[one.sound]
    values, at_s = points.value[places], runs.created_s[codes]
    ordered = sorted(changes, key=lambda change: (change.created_s, change.index))
    seams = dict(one.seams)
    ids = {change.run_id for change in ordered}
    marked = [place for place, code in enumerate(codes.tolist()) if runs.run_id[code] in ids or place in seams]
    drawn = thinned(values, marked, most).tolist() if len(places) else []
    return MetricHistory(
        line=line,
        sessions=tuple(
            Session(
                at_s=int(at_s[place]),
                value=float(values[place]),
                sd=None if np.isnan(sd := float(points.sd[places[place]])) else sd,
                run_id=runs.run_id[codes[place]],
                commit=runs.commit[codes[place]],
                seam=seams.get(place, ""),
            )
            for place in drawn
        ),
        total=len(places),
        levels=tuple(_levels(values, at_s, [change.created_s for change in ordered])),
        changes=tuple(ordered),
    )


def _levels(values: NDArray[np.float64], at_s: NDArray[np.int64], starts: Sequence[int]) -> list[Level]:
    """The stretches between the times `starts`, each with its own median and percentiles; an empty one is left out."""
    if not len(values):
        return []
    edges = [int(at_s.min()), *starts, int(at_s.max()) + 1]
    found = []
    for start, end in pairwise(edges):
        inside = values[(at_s >= start) & (at_s < end)]
        if len(inside):
            low, high = np.percentile(inside, BAND).tolist()
            last = end if end in starts else end - 1
            found.append(
                Level(
                    start_s=start, end_s=last, value=float(np.median(inside)), low=low, high=high, sessions=len(inside)
                )
            )
    return found
