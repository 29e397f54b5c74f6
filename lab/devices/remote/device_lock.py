"""The lock on the device itself: two hosts, or two users of one, never measure it at once.

A command there holds it for as long as its standard input stays open, so the lock ends with the connection and is
never stale, however this host ends. Each tool takes the same lock (flock(2) on the file `lock`), so that hosts with
different tools heed each other.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, get_args

from lab.core.errors import BusyError
from lab.core.text import printable
from lab.devices.link import Answer
from lab.devices.remote.shell import Shell, quoted

Locker = Literal["flock", "lockf", "perl"]
LOCKERS: tuple[Locker, ...] = get_args(Locker)
BUSY = 75  # EX_TEMPFAIL, which lockf ends with by itself

# A Mac that nobody types on goes to sleep, also in the middle of a measurement: caffeinate keeps it awake.
_AWAKE = "if command -v caffeinate >/dev/null 2>&1; then caffeinate -i cat >/dev/null; else cat >/dev/null; fi"
_HOLD = f"printf '%s\\n' \"$1\" > holder; echo held; {_AWAKE}"
# Close-on-exec, which perl sets above $^F, would let go of the lock.
_PERL = f"$^F = 255; open(F, q(>>), q(lock)) or exit 1; flock(F, LOCK_EX | LOCK_NB) or exit {BUSY}; exec(@ARGV)"


def holding(locker: Locker, work_dir: str, holder: str) -> str:
    """Return the command: it says "held" and stays, or says who has the lock and ends with the code BUSY."""
    if locker == "flock":
        inside = f"if flock -n 9; then set -- {quoted(holder)}; {_HOLD}; else cat holder; exit {BUSY}; fi"
        return f"cd {quoted(work_dir)} && exec 9>>lock && {inside}"
    take = "lockf -k -s -t 0 lock" if locker == "lockf" else f"perl -MFcntl=:flock -e {quoted(_PERL)}"
    inside = f"{take} sh -c {quoted(_HOLD)} sh {quoted(holder)}; code=$?; [ $code != {BUSY} ] || cat holder; exit $code"
    return f"cd {quoted(work_dir)} && {{ {inside}; }}"


TAKE_S = 90.0  # more than BEGIN_S of marked.py, whose reason is the better one
END_S = 5.0
NOTICE_S = 20.0
FAST_S, SLOW_S = 0.1, 5.0
HELD = b"held\n"
FOREVER_S = 30 * 24 * 3600.0


@contextmanager
def claim(shell: Shell, locker: Locker, work_dir: str, holder: str) -> Iterator[None]:
    """Hold the device for `holder`, a line that says who; BusyError names who has it."""
    held = _taken(shell, holding(locker, work_dir, holder), holder)
    try:
        yield
    finally:
        held.release()


def _taken(shell: Shell, command: str, holder: str) -> _Held:
    """Take the lock; one that a session of this very host held is let go as soon as the device notices its end.

    No such session runs: the caller has this host's lock of the device.
    """
    deadline = time.monotonic() + NOTICE_S
    while True:
        held = _Held(shell, command)
        try:
            held.take()
            return held
        except BusyError as problem:
            if not problem.what.endswith(_place(holder)) or time.monotonic() > deadline:
                raise
        time.sleep(FAST_S)


def _place(holder: str) -> str:
    """Return the end of a holder's line, which is who and where."""
    return f", {holder.rpartition(', ')[2]}"


class _Held:
    """The call that holds the lock, in a thread of its own."""

    def __init__(self, shell: Shell, command: str) -> None:
        self._shell = shell
        self._command = command
        self._answered, self._release = threading.Event(), threading.Event()
        self._said = bytearray()
        self._answer: Answer | None = None
        self._problem: Exception | None = None
        self._thread = threading.Thread(target=self._hold, name="lab-claim", daemon=True)

    def take(self) -> None:
        self._thread.start()
        self._answered.wait(TAKE_S)
        if self._said.startswith(HELD):
            return
        self.release()
        if self._problem is not None:
            raise self._problem
        if self._answer is not None and self._answer.code == BUSY:
            who = printable(bytes(self._said).decode("utf-8", "replace"))[:500]
            raise BusyError(
                f"{self._shell.name} is in use by {who or 'another lab'}",
                hint="wait for it to end, or stop it; two measurements at once would spoil both",
            )
        raise BusyError(f"{self._shell.name}: its lock could not be taken", hint="run the command again")

    def release(self) -> None:
        self._release.set()
        self._thread.join(END_S)

    def _hold(self) -> None:
        try:
            self._answer = self._shell.link.execute(
                self._command, timeout_s=FOREVER_S, feed=self._until_released(), on_stdout=self._take
            )
        except Exception as problem:  # raised again in the thread that waits for it
            self._problem = problem
        finally:
            self._answered.set()

    def _until_released(self) -> Iterator[bytes]:
        """Feed a byte now and then: a link may look for output only between two pieces of input."""
        while not self._release.wait(SLOW_S if self._answered.is_set() else FAST_S):
            yield b"\n"

    def _take(self, chunk: bytes) -> None:
        self._said += chunk
        if b"\n" in self._said:  # whoever holds it, or that we do
            self._answered.set()
