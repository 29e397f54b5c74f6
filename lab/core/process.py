"""One started program and its process group: how it starts, ends, and is described, and its output as lines."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from lab.core.errors import LabError

TAIL_LINES = 15
MAX_LINE_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True)
class Completed:
    """A finished command. `code` is negative when signal `-code` ended it. Output is text, repaired UTF-8."""

    argv: tuple[str, ...]
    code: int
    stdout: str
    stderr: str
    duration_s: float


class CommandError(LabError):
    """A command that could not start, ran out of time, or failed; keeps everything it said."""

    def __init__(self, completed: Completed, reason: str, *, hint: str | None = None) -> None:
        self.completed = completed
        self.reason = reason
        tail = "\n".join((completed.stderr or completed.stdout).strip().splitlines()[-TAIL_LINES:])
        said = f"\n{tail}" if tail else ""
        super().__init__(f"{shlex.join(completed.argv)}: {reason}{said}", hint=hint)


def start(
    argv: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdin: int = subprocess.DEVNULL,
) -> subprocess.Popen[bytes]:
    """Start `argv` in a new process group with both outputs piped; `env` is the whole environment."""
    try:
        with _ctrl_c_held() as held:
            process = subprocess.Popen(
                list(argv),
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=None if env is None else dict(env),
                cwd=cwd,
                start_new_session=True,
            )
        if held:
            with process:  # closes its pipes
                stop_group(process, grace_s=0)
            raise KeyboardInterrupt
        return process
    except (OSError, ValueError) as problem:
        done = Completed(tuple(argv), 127, "", "", 0.0)
        reason = getattr(problem, "strerror", None) or str(problem)
        hint = f"is {argv[0]} installed and on PATH?" if isinstance(problem, FileNotFoundError) else None
        raise CommandError(done, f"cannot start: {reason}", hint=hint) from problem


@contextmanager
def _ctrl_c_held() -> Iterator[list[int]]:
    """Note Ctrl-C instead of raising it: in the middle of a start it would leave a program that nobody knows of."""
    held: list[int] = []
    before = signal.getsignal(signal.SIGINT)
    if before is not signal.default_int_handler or threading.current_thread() is not threading.main_thread():
        yield held
        return
    signal.signal(signal.SIGINT, lambda number, _frame: held.append(number))
    try:
        yield held
    finally:
        signal.signal(signal.SIGINT, before)


def stop_group(process: subprocess.Popen[bytes], *, grace_s: float) -> None:
    """End the process and all it started: ask with SIGTERM, wait `grace_s`, then SIGKILL. Reaps it."""
    if grace_s > 0:
        _signal_group(process, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(grace_s)
    _signal_group(process, signal.SIGKILL)
    process.wait()


def describe_code(code: int) -> str:
    """Say in words how a command ended: `exit code 3`, `killed by SIGSEGV`."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    # The group outlives its leader, so this is right even after the leader ended.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


class LineTooLongError(Exception):
    """A line that would fill the memory."""


class Lines:
    """Calls `on_line` with each whole line, without its end, as repaired UTF-8."""

    def __init__(self, on_line: Callable[[str], None], max_line_bytes: int = MAX_LINE_BYTES) -> None:
        self._on_line = on_line
        self._limit = max_line_bytes
        self._unfinished = bytearray()

    def feed(self, chunk: bytes) -> None:
        """Take more bytes; LineTooLongError when a line has no end."""
        *whole, rest = chunk.split(b"\n")
        for part in whole:
            self._unfinished += part
            self._deliver()
        self._unfinished += rest
        if len(self._unfinished) > self._limit:
            raise LineTooLongError(f"wrote a line of more than {self._limit} bytes")

    def finish(self) -> None:
        """Deliver what came after the last line end, if anything did."""
        if self._unfinished:
            self._deliver()

    def _deliver(self) -> None:
        line, self._unfinished = bytes(self._unfinished), bytearray()
        self._on_line(line.decode("utf-8", "replace").removesuffix("\r"))
