"""The points of the store, for verbs: a first reading of many runs is shown while it goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.cli.output import stderr, warn

if TYPE_CHECKING:
    from lab.analysis.points.load import Loaded
    from lab.analysis.points.table import Points


def loaded_points(target: str | None = None) -> Loaded:
    """Return the points of every stored run, of one target when given."""
    from lab.analysis.points.load import load_points
    from lab.views.progress import progress_on

    with progress_on(stderr()) as progress:
        return load_points(target, progress)


def readable_points(target: str | None = None) -> Points:
    """Return the same, after a warning for each run that cannot be read."""
    loaded = loaded_points(target)
    for bad in loaded.bad:
        warn(f"unreadable: {bad.said}")
    return loaded.points
