"""The change points of a dashboard, each with the history that it is in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from lab.analysis.boards.board import Board, Change
from lab.analysis.history.regression import Regression
from lab.analysis.pages.history import MetricHistory, metric_history
from lab.analysis.pages.places import Place

POINTS = 12_000  # of all charts together
LEAST, MOST = 24, 400  # of one


@dataclass(frozen=True)
class ChangeHistory:
    """One change point, and the history of its series."""

    change: Regression
    history: MetricHistory


def change_histories(board: Board, places: Sequence[Place]) -> list[ChangeHistory]:
    """Return a history for each change point on the board, the open ones first; both as the board orders them."""
    found = [one for one in _of_rows(board, places) if one is not None]
    most = min(max(POINTS // (len(found) or 1), LEAST), MOST)
    ordered = sorted(found, key=lambda one: not one[1].open)
    return [ChangeHistory(change, _history(place, change, most)) for place, change in ordered]


def _of_rows(board: Board, places: Sequence[Place]) -> Iterator[tuple[Place, Regression] | None]:
    every = {
        (one.key, one.run_id): (place, one) for place in places for several in place.changes.values() for one in several
    }
    for row in board.rows:
        change: Change | None = row.main.change
        yield every.get((change.key, change.run_id)) if change is not None else None


def _history(place: Place, change: Regression, most: int) -> MetricHistory:
    name = change.cell.metric
    line = replace(place.line, cell=replace(place.line.cell, metric=name))
    return metric_history(line, place.metrics[name], place.changes[name], most)
