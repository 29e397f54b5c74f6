"""The history of the store: what was accepted, and the floors that were learned, go in by one door."""

from __future__ import annotations

from lab.analysis.history.kept import Known, changes_file
from lab.analysis.history.regressions import History, judge_history
from lab.analysis.points.table import Points
from lab.core.progress import Progress
from lab.formats.acks import load_acks
from lab.formats.calibration import load_floors
from lab.formats.revision import repository


def stored_history(points: Points, progress: Progress | None = None) -> History:
    """Judge the histories of `points` by `accepted.toml` and the learned floors of LAB_HOME.

    They stand in the order of the repository around the working folder, if there is one. Change points that were found
    before come from a cache (lab.analysis.history.kept); `progress` counts the series that are searched.

    Raises:
        LabError: one of these files cannot be read.
    """
    known = Known(changes_file(), progress)
    return judge_history(points, load_acks(), floors=load_floors(), repository=repository(), find=known.find)
