"""Devices beside each other: sorted bars with intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from lab.formats.metrics import METRICS
from lab.plot.axes import axes_for, headed, scale_of
from lab.plot.curves import reach_note
from lab.plot.series import IDENTITY, Series, common, names_of, notes_of, sessions_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NEWEST = 5  # sessions of a device that count, as in `lab compare --axis target`


def devices(frame: pd.DataFrame, metric: str = "decode_tok_per_s", *, ax: Axes | None = None) -> Axes:
    """Draw a bar for each target (and what else differs: model, engine, test), the best on top, of its newest sessions.

    A bar's end is the median over sessions with its 95 % interval; of fewer than three sessions the range of the
    repetitions. Nothing is averaged over models, engines or tests.

    Raises:
        UsageError: no such metric, no numbers of it, or no matplotlib.
    """
    sessions = sessions_of(frame, metric)
    labels = names_of(sessions, IDENTITY)
    groups = sessions.groupby(list(IDENTITY), dropna=False)
    several = [Series(labels[key], rows.tail(NEWEST)) for key, rows in groups]
    upward = METRICS[metric].better == "higher"
    several.sort(key=lambda one: one.measured.value, reverse=not upward)  # the last one stands on top
    ax = axes_for(ax)
    scale, label = scale_of(metric, float(sessions["value"].max()))
    value = np.array([one.measured.value for one in several])
    low, high = np.array([one.reach for one in several]).T
    reach = np.stack([value - low, high - value]).clip(min=0) * scale
    names = [one.label or str(one.sessions["target"].iloc[0]) for one in several]
    ax.barh(range(len(several)), value * scale, xerr=reach, color="C0", alpha=0.8, ecolor="0.2", capsize=2)
    ax.set_yticks(range(len(several)), names)
    ax.set_xlabel(f"{label}, {'longer' if upward else 'shorter'} is better")
    headed(ax, common(sessions), [*notes_of(frame), reach_note(several)])
    return ax
