"""What the screens ask of the application that shows them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol, TypeVar

from lab.analysis.history.regression import Regression
from lab.analysis.points.key import CellKey
from lab.views.tui.source import Boards, Snapshot, Source

Result = TypeVar("Result")
Marked = tuple[CellKey, str, str]  # a cell of the run, its id, its place


class Host(Protocol):
    """The application: the newest snapshot, what is marked, and what any screen may ask for."""

    source: Source
    boards: Boards
    snapshot: Snapshot | None
    marked: list[Marked]

    async def beside(self, work: Callable[[], Result]) -> Result:
        """Return what the work returns; the screen stays alive meanwhile."""

    def telling(self) -> AbstractContextManager[None]:
        """Turn an error within the block into a message."""

    def say(self, text: str) -> None:
        """Show a message on whatever screen is in front."""

    def mark(self, key: CellKey, run_id: str, place: str) -> None:
        """Mark the run, or take its mark away."""

    def compare_marked(self) -> None:
        """Show the marked runs side by side."""

    def accept(self, change: Regression, reason: str) -> None:
        """Accept the new level, and say where that is written."""

    def next_theme(self) -> None:
        """Next colours."""

    def reload(self) -> None:
        """Read the store again."""
