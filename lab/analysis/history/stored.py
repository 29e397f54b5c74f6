"""The history of the store: what was accepted, and the floors that were learned, go in by one door."""

from __future__ import annotations

from lab.analysis.history.regressions import History, judge_history
from lab.analysis.points.table import Points
from lab.formats.acks import load_acks
from lab.formats.calibration import load_floors
from lab.formats.revision import repository


def stored_history(points: Points) -> History:
    """Judge the histories of `points` by `accepted.toml` and the learned floors of LAB_HOME.

    They stand in the order of the repository around the working folder, if there is one.

    Raises:
        LabError: one of these files cannot be read.
    """
    return judge_history(points, load_acks(), floors=load_floors(), repository=repository())
