"""How long work reports itself: a phase with an optional total, and notes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

Advance = Callable[[float], None]


class Progress(Protocol):
    """What long work talks to; views give a live and a plain one."""

    def phase(self, name: str, total: float | None = None, unit: str = "") -> AbstractContextManager[Advance]:
        """Open a phase; the value it yields is called with each amount done, in `unit`."""

    def note(self, text: str) -> None:
        """Say one line that is not progress."""

    def now(self, text: str) -> None:
        """Say what it is at until the next call; an empty text ends that. Cheap: may be called often."""


class NullProgress:
    """Progress that nobody watches."""

    @contextmanager
    def phase(self, name: str, total: float | None = None, unit: str = "") -> Iterator[Advance]:
        """Yield an advance function that does nothing."""
        yield lambda amount: None

    def note(self, text: str) -> None:
        """Drop the note."""

    def now(self, text: str) -> None:
        """Drop it."""
