"""Dashboards over the store as it is now."""

from __future__ import annotations

from dataclasses import dataclass

from lab.analysis.boards.board import Board
from lab.analysis.boards.build import build_board
from lab.analysis.boards.changes import Change
from lab.analysis.history.regression import Regression
from lab.analysis.history.stored import stored_history
from lab.analysis.judging.sides import Policy
from lab.analysis.points.load import Loaded, load_points
from lab.analysis.points.table import Points
from lab.formats.calibration import load_floors
from lab.formats.dashboard import DashboardSpec
from lab.store import BadRun


@dataclass(frozen=True)
class StoredBoard:
    """A board, and the runs that could not be read for it."""

    board: Board
    bad: tuple[BadRun, ...]


def stored_board(spec: DashboardSpec, loaded: Loaded | None = None, *, with_changes: bool | None = None) -> StoredBoard:
    """Return the dashboard over the runs that are stored, or over those that were loaded already.

    Histories are searched for changes of level where the dashboard is about them, or `with_changes`; that takes
    longer than all else, so a first picture can do without.
    """
    found = load_points() if loaded is None else loaded
    wanted = spec.about == "changes" if with_changes is None else with_changes
    changes = changes_of(found.points) if wanted else ()
    policy = Policy(floors=load_floors())
    return StoredBoard(build_board(spec, found.points, changes, policy), found.bad)


def changes_of(points: Points) -> tuple[Change, ...]:
    """Return every change of level in the histories, for better or worse, with what was accepted."""
    return tuple(_change(one) for one in stored_history(points).changes)


def _change(found: Regression) -> Change:
    before, at = found.commits
    return Change(
        key=found.key,
        word=found.word,
        ratio=found.ratio,
        run_id=found.run_id,
        created_s=found.created_s,
        commits=f"{before[:9] or 'unknown'}..{at[:9] or 'unknown'}" if before or at else "",
        p=found.p,
        accepted=found.acknowledged,
    )
