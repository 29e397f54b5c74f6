"""Levels that somebody has accepted, found again when the history has grown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path

import numpy as np

from lab.analysis.history.change_points import ChangePoint
from lab.analysis.history.clocks import stamp_s
from lab.analysis.history.regression import Regression
from lab.analysis.history.series import Series
from lab.analysis.points.key import CellKey
from lab.analysis.points.table import Runs
from lab.formats.acks import Accepted, add
from lab.formats.metrics import METRICS

NEAR = 5  # sessions by which a change may move as more of them come


def accept(change: Regression, reason: str) -> Path:
    """Accept a change that was found; return the file that now says so."""
    return accept_all([change], reason)


def accept_all(changes: Sequence[Regression], reason: str) -> Path:
    """Accept changes that were found, in one write. With the level of each, what later gets worse is told again."""
    return add(*(_entry(change, reason) for change in changes))


def _entry(change: Regression, reason: str) -> Accepted:
    of = asdict(change.cell)
    return Accepted(**of, run=change.run_id, reason=reason, level=change.after, commit=change.commits[1])


def acceptance(
    accepted: Sequence[Accepted], series: Series, runs: Runs, change: ChangePoint, floor: float
) -> str | None:
    """Return the reason for which this change was accepted, or None: same cell, near the same run, not worse."""
    for one in reversed(accepted):
        near = is_of(one, series.key.cell) and abs(_place(one.run, series, runs) - change.index) <= NEAR
        if near and not _worse(one, change, floor):
            return one.reason
    return None


def is_of(one: Accepted, cell: CellKey) -> bool:
    """Whether the entry speaks of the cell."""
    return all(getattr(one, item.name) == getattr(cell, item.name) for item in fields(cell))


def _place(run_id: str, series: Series, runs: Runs) -> int:
    """Where the run stands in the series; one that is gone is placed by the time in its id.

    A run that is there, and is of another series of the cell, says nothing of this one.
    """
    names = [runs.run_id[code] for code in series.runs]
    if run_id in names:
        return names.index(run_id)
    if run_id in runs.run_id:
        return -NEAR - 1
    at = stamp_s(run_id)
    return int(np.count_nonzero(runs.created_s[series.runs] < at)) if at is not None else -NEAR - 1


def _worse(one: Accepted, change: ChangePoint, floor: float) -> bool:
    if one.level is None:
        return False
    ratio = change.after / one.level
    return ratio < 1 - floor if METRICS[one.metric].better == "higher" else ratio > 1 + floor
