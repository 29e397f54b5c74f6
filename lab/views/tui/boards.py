"""Boards that were made already, and one at a time of those that take long."""

from __future__ import annotations

import threading
from collections.abc import Callable

from lab.analysis.boards.board import Board
from lab.formats.dashboard import DashboardSpec
from lab.views.tui.source import Snapshot, Source

KEPT = 40  # boards: all dashboards, each of its metrics alone


class Boards:
    """Makes boards and keeps them until the store changes. Called from many threads."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._made: dict[tuple[int, str, bool], Board] = {}
        self._judging = threading.Lock()

    def board(self, snapshot: Snapshot, spec: DashboardSpec, judged: bool, wanted: Callable[[], bool]) -> Board | None:
        """Return the board; None when it is not wanted any more once its turn has come."""
        key = (hash(snapshot.stamp), repr(spec), judged)
        if judged and key not in self._made:
            with self._judging:
                if not wanted():
                    return None
                return self._made.get(key) or self._make(key, snapshot, spec)
        return self._made.get(key) or self._make(key, snapshot, spec)

    def _make(self, key: tuple[int, str, bool], snapshot: Snapshot, spec: DashboardSpec) -> Board:
        board = self._source.board(snapshot, spec, key[2])
        if len(self._made) >= KEPT:
            self.forget()
        self._made[key] = board
        return board

    def forget(self) -> None:
        """Drop what was made: the store, or what was accepted, is another."""
        self._made = {}
