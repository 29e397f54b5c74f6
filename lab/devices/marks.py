"""Marks around a command's own output: an account's login files may print before it, and after it.

The marks hold a token of this one command. They are not spelt out in the command line, so that a host which repeats
the line that it was given (a shell that traces, a message of refusal) does not print them.
"""

from __future__ import annotations

import re
import secrets
import threading
from collections.abc import Callable

BEFORE_KEPT_BYTES = 4096
_END_MAX_BYTES = 64
_SIGNALS = range(129, 193)  # codes of a shell that a signal ended


class Marks:
    """The marks of one command; `token` is made anew for each."""

    def __init__(self, token: str | None = None) -> None:
        self._token = token or secrets.token_hex(8)
        self.begin = self._mark("begin\n")
        self.begin_stderr = self._mark("begin2\n")
        self.end = re.compile(re.escape(self._mark("end:")) + rb"(\d{1,3})\n")
        self.end_stderr = self._mark("end2\n")
        self._unfinished_end = re.compile(re.escape(self._mark("end:")) + rb"\d{0,3}")

    def around(self, command: str) -> str:
        """Return the line that prints the marks and runs `command` in between, in one and the same shell.

        The end marks are the work of a trap, which a command that becomes a program (exec) gives up. Those of standard
        error are the outer ones on standard output, should an account have put both streams into one.
        """
        begin, end = self._spelt("begin"), self._spelt("end")
        trap = f"trap 'lab_code=$?; echo {end}:$lab_code; echo {end}2 >&2' EXIT"
        return f"echo {begin}2 >&2; echo {begin}; {trap}\n{command}"

    def may_end_at(self, data: bytes) -> int:
        """Return where an end mark may begin that is not all there yet; the length of `data` where none does."""
        prefix = self._mark("end:")
        for size in range(min(_END_MAX_BYTES, len(data)), 0, -1):
            tail = data[-size:]
            if prefix.startswith(tail) or self._unfinished_end.fullmatch(tail):
                return len(data) - size
        return len(data)

    def _mark(self, kind: str) -> bytes:
        return f"lab:{self._token}:{kind}".encode()

    def _spelt(self, kind: str) -> str:
        """Return what a shell makes the mark of, which is not the mark itself."""
        return f'"lab:""{self._token}"":{kind}"'


class OwnOutput:
    """Hands the bytes between the marks to `take`, as they come; `before` is the beginning of what came earlier."""

    def __init__(self, marks: Marks, take: Callable[[bytes], None]) -> None:
        self.begun = threading.Event()
        self.before = b""
        self.code: int | None = None
        self.after = False
        self._marks = marks
        self._take = take
        self._held = b""

    def feed(self, data: bytes) -> None:
        """Take more of standard output."""
        data, self._held = self._held + data, b""
        if not self.begun.is_set():
            self._await_begin(data)
        elif self.code is None:
            self._pass_on(data)
        else:
            self.after = self.after or bool(data.strip())

    def finish(self) -> None:
        """No more comes: what looked like the beginning of an end mark was output."""
        if self.begun.is_set() and self._held:
            self._take(self._held)
        elif not self.begun.is_set():
            self._keep(self._held)
        self._held = b""

    def stderr(self, data: bytes) -> bytes:
        """Return the command's own part of the last bytes of standard error."""
        _, mark, rest = data.partition(self._marks.begin_stderr)
        # Without the mark the beginning has been dropped: the command itself wrote a lot.
        own, _, after = (rest if mark else data).partition(self._marks.end_stderr)
        self.after = self.after or bool(after.strip())
        return own

    def exit_code(self, told: int) -> int:
        """Return the command's exit code; `told` is the link's, of the account's login shell.

        A shell that a signal ends may still run its trap, which then knows of no error.
        """
        return told if self.code is None or told in _SIGNALS else self.code

    def _await_begin(self, data: bytes) -> None:
        before, mark, rest = data.partition(self._marks.begin)
        if mark:
            self._keep(before)
            self.begun.set()
            self._pass_on(rest)
            return
        self._held = data[-len(self._marks.begin) + 1 :]
        self._keep(data[: len(data) - len(self._held)])

    def _keep(self, data: bytes) -> None:
        self.before = (self.before + data[:BEFORE_KEPT_BYTES])[:BEFORE_KEPT_BYTES]

    def _pass_on(self, data: bytes) -> None:
        end = self._marks.end.search(data)
        at = end.start() if end else self._marks.may_end_at(data)
        if at:
            self._take(data[:at])
        if end is None:
            self._held = data[at:]
            return
        self.code = int(end[1])
        self.after = bool(data[end.end() :].strip())
