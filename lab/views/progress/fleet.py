"""Several targets at once: one live table in a terminal, plain lines with the target in front elsewhere."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol, TextIO

from rich.live import Live
from rich.table import Table
from rich.text import Text

from lab.core.terminal import write_line
from lab.views.console import live_console
from lab.views.progress.live import REDRAWS_PER_S
from lab.views.table import BAD, CAUTION, FAINT, GOOD, left, right, table
from lab.views.units import amount


class Followed(Protocol):
    """What is shown of a target; see lab.jobs.fleet.member."""

    target: str
    phase: str
    done: float
    total: float | None
    unit: str
    notes: list[str]
    now: str

    @property
    def last_words(self) -> str:
        """The error it ended with, else the last that it said."""


Show = Callable[[], None]
_STYLES = {"done": GOOD, "failed": BAD, "waiting": FAINT}
_ENDS = ("waiting", "failed", "stopped")  # what led there is a note


@contextmanager
def fleet_progress(stream: TextIO, members: Sequence[Followed]) -> Iterator[Show]:
    """Yield what is called after each change."""
    if not stream.isatty() or os.environ.get("TERM") == "dumb":
        yield _Lines(stream, members)
        return
    console = live_console(stream)
    with Live(fleet_rows(members), console=console, refresh_per_second=REDRAWS_PER_S, transient=True) as live:
        yield lambda: live.update(fleet_rows(members))


def fleet_rows(members: Sequence[Followed]) -> Table:
    """Return a row for each target: what it does, how far it is, what it said last."""
    columns = [left("Target", fold=False), left("Now", fold=False), right("Done"), left("At")]
    return table(columns, [_row(member) for member in members])


def _row(member: Followed) -> list[str | Text]:
    far = amount(member.done, member.total, member.unit) if member.total else ""
    return [member.target, Text(member.phase, _STYLES.get(member.phase, CAUTION)), far, member.now or member.last_words]


def _begun(phase: str) -> list[str]:
    return [] if phase in _ENDS else ["done"] if phase == "done" else [f"{phase} ..."]


class _Lines:
    """Writes each phase and each note once."""

    def __init__(self, stream: TextIO, members: Sequence[Followed]) -> None:
        self._stream = stream
        self._members = members
        self._said = {one.target: (one.phase, len(one.notes)) for one in members}  # what was told before

    def __call__(self) -> None:
        for member in self._members:
            phase, count = self._said[member.target]
            new = member.notes[count:]
            lines = [*(_begun(member.phase) if member.phase != phase else []), *new]
            self._said[member.target] = (member.phase, len(member.notes))
            for line in lines:
                write_line(self._stream, f"{member.target}: {line}")
