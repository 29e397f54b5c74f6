"""Progress for another program: one JSON object a line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from lab.core.progress import Advance
from lab.core.terminal import write_json


class JsonProgress:
    """Says {"phase", "total", "unit"} when a phase begins, {"advance"}, {"end"} with its name, and {"note"}."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    @contextmanager
    def phase(self, name: str, total: float | None = None, unit: str = "") -> Iterator[Advance]:
        """Say that a phase began, each amount done, and that it ended."""
        self._say(phase=name, total=total, unit=unit)
        try:
            yield lambda amount: self._say(advance=amount)
        finally:
            self._say(end=name)

    def note(self, text: str) -> None:
        """Say one line that is not progress."""
        self._say(note=text)

    def _say(self, **fields: object) -> None:
        write_json(self._stream, fields)
