"""The points of the store, for verbs: a run that cannot be read is told of, and hides no other."""

from __future__ import annotations

from lab.analysis.points.load import load_points
from lab.analysis.points.table import Points
from lab.core.progress import Progress


def readable_points(progress: Progress, target: str | None = None) -> Points:
    """Return the points of every stored run, of one target when given, after a warning for each unreadable run."""
    loaded = load_points(target, progress)
    for bad in loaded.bad:
        progress.note(f"warning: unreadable: {bad.said}")
    return loaded.points
