"""One target of several: its `lab run` in a process of its own, and what is known of it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import IO, Any

from lab.core.decode import decode
from lab.core.errors import LabError
from lab.core.fields import KeepsUnknown
from lab.core.jsonio import parse_json
from lab.core.lock_holder import COMMAND
from lab.core.text import printable

STOPPED = 130  # exit code after Ctrl-C
_ENTRY = "from lab.cli import entry; entry()"


@dataclass
class Member:
    """A target and how far it is. `code` is the exit code of its command, None while there is none."""

    target: str
    phase: str = "waiting"
    done: float = 0.0
    total: float | None = None
    unit: str = ""
    notes: list[str] = field(default_factory=list)
    now: str = ""
    code: int | None = None
    documents: list[dict[str, Any]] = field(default_factory=list)
    _process: subprocess.Popen[str] | None = None
    _threads: list[threading.Thread] = field(default_factory=list)

    @property
    def last_words(self) -> str:
        """The error it ended with, else the last that it said."""
        errors = [note.removeprefix("error: ") for note in self.notes if note.startswith("error: ")]
        return (errors or self.notes or [""])[-1]

    def start(self, argv: Sequence[str], on_change: Callable[[], None]) -> None:
        """Start `lab` with `argv`, in a session of its own: Ctrl-C reaches it through `stop` alone."""
        self.phase = "starting"
        self._process = subprocess.Popen(
            [sys.executable, "-c", _ENTRY, *argv],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "LAB_PROGRESS": "json", COMMAND: f"{socket.gethostname()} {os.getpid()}"},
            text=True,
            errors="replace",
            start_new_session=True,
        )
        for work in (self._read_progress, self._read_answer):
            thread = threading.Thread(target=work, args=(on_change,), daemon=True)
            thread.start()
            self._threads.append(thread)

    def poll(self) -> bool:
        """Return whether it is over; then everything it said is here."""
        if self._process is None or self._process.poll() is None:
            return False
        for thread in self._threads:
            thread.join()
        self.code = self._process.returncode
        self.phase = {0: "done", STOPPED: "stopped"}.get(self.code, "failed")
        return True

    def stop(self, number: signal.Signals) -> None:
        """Signal it, if it runs."""
        if self._process is not None and self._process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)

    @property
    def failure(self) -> str:
        """The error it ended with, under the target's name; an error of a device begins with that as it is."""
        return (
            self.last_words if self.last_words.startswith(f"{self.target}: ") else f"{self.target}: {self.last_words}"
        )

    def fail(self, reason: str, code: int) -> None:
        """Say that it never started."""
        self.phase, self.code = "failed", code
        self.notes.append(f"error: {reason}")

    def _read_progress(self, on_change: Callable[[], None]) -> None:
        for line in _lines(self._process.stderr if self._process else None):
            self.hear(line)
            on_change()

    def _read_answer(self, on_change: Callable[[], None]) -> None:
        text = "".join(_lines(self._process.stdout if self._process else None))
        with suppress(LabError):
            found = parse_json(text, where="lab run --json")
            self.documents = found if isinstance(found, list) else [found]
        on_change()

    def hear(self, line: str) -> None:
        """Take one line of progress, or of anything else, which is a note."""
        said = _event(line)
        if said.phase is not None:
            self.phase, self.total, self.unit, self.done = printable(said.phase), said.total, said.unit, 0.0
            self.now = ""
        if said.now is not None:
            self.now = printable(said.now)
        self.done += said.advance
        if printable(said.note):
            self.notes.append(printable(said.note))


@dataclass(frozen=True)
class _Event(KeepsUnknown):
    """One line of LAB_PROGRESS=json."""

    phase: str | None = None
    total: float | None = None
    unit: str = ""
    advance: float = 0.0
    note: str = ""
    now: str | None = None


def _event(line: str) -> _Event:
    """Return the event, or what is none as a note."""
    try:
        return decode(_Event, parse_json(line, where="progress"), where="progress")
    except LabError:
        return _Event(note=line)


def _lines(pipe: IO[str] | None) -> Iterator[str]:
    if pipe is not None:
        with pipe:
            yield from pipe
