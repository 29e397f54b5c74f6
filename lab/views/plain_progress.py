"""Progress for a pipe or a log: a line when a phase starts and ends, and about every tenth of the way."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from lab.core.progress import Advance
from lab.core.terminal import write_line
from lab.core.units import human_seconds

QUIET_S = 1.0  # a phase that is over sooner says only that it began and that it is done


class PlainProgress:
    """Writes whole lines, no clock in front of them, nothing that moves."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock

    @contextmanager
    def phase(self, name: str, total: float | None = None, unit: str = "") -> Iterator[Advance]:
        """Report a phase: its start, about each tenth of `total`, and how it ended."""
        began = self._clock()
        self.note(f"{name} ...")
        try:
            yield self._tenths(name, total)
        except BaseException:
            self.note(f"{name}: stopped after {human_seconds(self._clock() - began)}")
            raise
        self.note(f"{name}: done in {human_seconds(self._clock() - began)}")

    def note(self, text: str) -> None:
        """Write one line."""
        write_line(self._stream, text)

    def _tenths(self, name: str, total: float | None) -> Advance:
        """Return an advance function that says 10 %, 20 %, ... 90 % as they are passed, seldom enough to read."""
        done, said, said_at = 0.0, 0, self._clock()

        def advance(amount: float) -> None:
            nonlocal done, said, said_at
            done += amount
            tenth = min(int(done / total * 10 + 1e-9), 9) if total else 0  # 100 % is the last line's to say
            if tenth > said and self._clock() - said_at >= QUIET_S:
                said, said_at = tenth, self._clock()
                self.note(f"{name}: {tenth * 10} %")

        return advance
