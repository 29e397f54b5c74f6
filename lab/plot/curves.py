"""Curves: a metric over time with its levels and change points, and over the tokens that the cache already holds."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lab.analysis.history.change_points import change_points
from lab.analysis.judging.sides import FLOOR
from lab.core.units import change, percent
from lab.formats.test import Test
from lab.plot.axes import axes_for, headed, scale_of, with_legend
from lab.plot.series import Series, common, notes_of, series_of, sessions_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]
LEVELS = 3  # series up to which levels and bands are drawn: more lie over each other


def history(frame: pd.DataFrame, metric: str = "decode_tok_per_s", *, ax: Axes | None = None) -> Axes:
    """Draw each session's median over time, its bar from the smallest to the largest repetition.

    Of a history of 20 sessions or more its levels, in a band of the threshold of 5 %, and its change points are those
    that `lab regressions` looks for.

    Raises:
        UsageError: no such metric, no numbers of it, more than 12 series, or no matplotlib.
    """
    sessions = sessions_of(frame, metric)
    several = series_of(sessions)
    ax = axes_for(ax)
    scale, label = scale_of(metric, float(sessions["value"].max()))
    for one in several:
        at = pd.to_datetime(one.sessions["created_at"])
        value, low, high = (one.sessions[name].to_numpy(np.float64) * scale for name in ("value", "low", "high"))
        reach = np.stack([value - low, high - value])
        drawn = ax.errorbar(at, value, yerr=reach, fmt="o-", ms=3, lw=1, elinewidth=0.8, label=one.label)
        if len(several) <= LEVELS:
            _levels(ax, at, value, drawn.lines[0].get_color())
    ax.set_ylabel(label)
    ax.set_xlabel("date (UTC)")
    ax.tick_params(axis="x", rotation=20)
    band = [f"dashed: level, in a band of {percent(FLOOR)}"] if len(several) <= LEVELS else []
    headed(ax, _title(sessions, "history"), [*notes_of(frame), "bars: range of the repetitions", *band])
    with_legend(ax, len(several))
    return ax


def _levels(ax: Axes, at: pd.Series[pd.Timestamp], value: Floats, color: object) -> None:
    changes = change_points(value, floor=FLOOR)
    times = at.to_numpy()
    for start, stop in pairwise([0, *(one.index for one in changes), len(value)]):
        level = float(np.median(value[start:stop]))
        ends = [times[start], times[stop - 1]]
        ax.fill_between(ends, level * (1 - FLOOR), level * (1 + FLOOR), color=color, alpha=0.12, lw=0)
        ax.plot(ends, [level, level], color=color, lw=1, ls="--")
    for one in changes:
        ax.axvline(times[one.index], color=color, lw=1, ls=":")
        text = f" {change(one.ratio)}"
        ax.annotate(text, (times[one.index], 0.02), xycoords=("data", "axes fraction"), fontsize="small", color=color)


def depth(frame: pd.DataFrame, metric: str = "decode_tok_per_s", *, ax: Axes | None = None) -> Axes:
    """Draw a metric over the depth, the tokens in the cache before a test: does decode fall with depth?

    A point is the median over sessions, its bar the 95 % interval; of fewer than three sessions the range of the
    repetitions. Errors as of `history`.
    """
    sessions = sessions_of(frame, metric)
    several = series_of(sessions, without=("depth",))
    ax = axes_for(ax)
    scale, label = scale_of(metric, float(sessions["value"].max()))
    for one in several:
        points = [(at, part.measured.value, *part.reach) for at, part in _by_depth(one)]
        x, value, low, high = (np.array(column, np.float64) for column in zip(*points, strict=True))
        reach = np.stack([value - low, high - value]).clip(min=0) * scale
        ax.errorbar(x, value * scale, yerr=reach, fmt="o-", ms=4, lw=1.2, elinewidth=1, capsize=2, label=one.label)
    ax.set_xlabel("depth [tokens in the cache]")
    ax.set_ylabel(label)
    ax.set_ylim(bottom=0)
    headed(ax, _title(sessions, "by depth", without_depth=True), [*notes_of(frame), reach_note(several)])
    with_legend(ax, len(several))
    return ax


def _by_depth(one: Series) -> Iterator[tuple[int, Series]]:
    for at, rows in one.sessions.groupby("depth", sort=True):
        yield int(str(at)), Series(one.label, rows)


def reach_note(several: list[Series]) -> str:
    """Return what the bars are."""
    few = any(one.measured.interval is None for one in several)
    return "bars: 95 % confidence interval over sessions" + (
        "; range of the repetitions where there are under 3" if few else ""
    )


def _title(sessions: pd.DataFrame, what: str, *, without_depth: bool = False) -> str:
    shape = sessions[["prompt", "generate", "depth"]].assign(**{"depth": 0} if without_depth else {}).drop_duplicates()
    test = Test(*(int(number) for number in shape.to_numpy()[0])).label if len(shape) == 1 else ""
    return " ".join(filter(None, [common(sessions), test, what]))
