"""How far the first reading of a store has come, for a screen that looks now and then."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lab.core.progress import Advance


class Count:
    """A lab.core.progress.Progress that only counts; another thread than the one that counts may look."""

    def __init__(self) -> None:
        self._done, self._total = 0.0, 0.0

    @contextmanager
    def phase(self, name: str, total: float | None = None, unit: str = "") -> Iterator[Advance]:
        """Count what is done of `total`."""
        self._done, self._total = 0.0, total or 0.0
        yield self._add

    def note(self, text: str) -> None:
        """Drop the note: the screen says all there is."""

    @property
    def words(self) -> str:
        """What to say of it; empty where nothing long is being read."""
        return f"reading runs that are new: {self._done:.0f} of {self._total:.0f}" if self._total else ""

    def _add(self, amount: float) -> None:
        self._done += amount
