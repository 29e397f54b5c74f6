"""How work is reported: live in a terminal, JSON for another program that asks for it, plain lines everywhere else."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from lab.core.progress import Advance, Progress
from lab.core.terminal import write_json, write_line
from lab.core.units import human_seconds
from lab.views.progress.time_left import time_left

QUIET_S = 1.0  # a phase that is over sooner says only that it began and that it is done
# A pipe is told what it is at after so long without a line, and not again for a while: one line a wait for a quiet CPU.
SILENT_S, AGAIN_S = 3.0, 15.0


class PlainProgress:
    """Writes whole lines, no clock in front of them, nothing that moves."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock
        self._said_at = clock()
        self._now_at = self._said_at - AGAIN_S

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
        self._said_at = self._clock()
        write_line(self._stream, text)

    def now(self, text: str) -> None:
        """Write the line where nothing else was written for a while."""
        at = self._clock()
        if text and at - self._said_at >= SILENT_S and at - self._now_at >= AGAIN_S:
            self._now_at = at
            self.note(text)

    def _tenths(self, name: str, total: float | None) -> Advance:
        """Return an advance function that says 10 %, 20 %, ... 90 % as they are passed, seldom enough to read."""
        done, said, began = 0.0, 0, self._clock()
        said_at = began

        def advance(amount: float) -> None:
            nonlocal done, said, said_at
            done += amount
            tenth = min(int(done / total * 10 + 1e-9), 9) if total else 0  # 100 % is the last line's to say
            if tenth > said and self._clock() - said_at >= QUIET_S:
                said, said_at = tenth, self._clock()
                rest = time_left(done, total, said_at - began, said_at - began)
                self.note(", ".join(filter(None, (f"{name}: {tenth * 10} %", rest))))

        return advance


class JsonProgress:
    """Says {"phase", "total", "unit"} when a phase begins, {"advance"}, {"end"} with its name, {"note"} and {"now"}."""

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

    def now(self, text: str) -> None:
        """Say what it is at."""
        self._say(now=text)

    def _say(self, **fields: object) -> None:
        write_json(self._stream, fields)


@contextmanager
def progress_on(stream: TextIO) -> Iterator[Progress]:
    """Yield a live progress when `stream` is a terminal that can move its cursor, else a plain one.

    LAB_PROGRESS=json asks for one that another program reads.
    """
    if os.environ.get("LAB_PROGRESS") == "json":
        yield JsonProgress(stream)
    elif stream.isatty() and os.environ.get("TERM") != "dumb":
        from lab.views.progress.live import LiveProgress

        with LiveProgress(stream) as live:
            yield live
    else:
        yield PlainProgress(stream)
