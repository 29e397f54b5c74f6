"""One program on a device, from its start to its end."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Sequence

from lab.core.errors import DeviceUnreachableError
from lab.core.proc import CommandError, Completed
from lab.core.process import Lines, LineTooLongError
from lab.core.text import printable
from lab.devices.base import OnLine
from lab.devices.link import Answer, LinkTimeoutError
from lab.devices.remote.shell import Shell

POLL_S = 0.1
GRACE_S = 5.0  # a program's last words, over a slow way and on a busy device
STOP_S = 10.0
SIGNALS = range(1, 65)


class NoProcessError(Exception):
    """The device's shell did not say which process it became."""


class RemoteProcess:
    """A program that runs in a thread of the host, so that Ctrl-C is heard while it does.

    `command` is the line that starts `argv`; see words.program.
    """

    def __init__(self, shell: Shell, argv: Sequence[str], command: str, on_line: OnLine | None) -> None:
        self._shell = shell
        self._argv = tuple(argv)
        self._command = command
        self._kept: list[str] = []
        self._lines = Lines(self._first)
        self._deliver: Callable[[str], None] = on_line or (lambda line: self._kept.append(f"{line}\n"))
        self._pid: int | None = None
        self._answer: Answer | None = None
        self._problem: BaseException | None = None
        # Not Thread.join: interrupted by Ctrl-C it takes a thread that still runs for one that has ended (bpo-45274).
        self._done = threading.Event()
        self._began = time.monotonic()

    def run(self, timeout_s: float) -> Completed:
        """Run to the end; see `Device.run`."""
        worker = threading.Thread(target=self._work, args=(timeout_s,), name="lab-remote", daemon=True)
        try:
            worker.start()
            while not self._done.wait(POLL_S):
                pass
        except KeyboardInterrupt:
            if worker.ident is not None:  # else the interrupt came before it ever started
                self._end()
            raise
        if self._problem is not None:
            self._fail(self._problem, timeout_s)
        return self._completed()

    def _end(self) -> None:
        """Ask the program to end; it has a grace time for its last words, and is then killed."""
        for signal in ("TERM", "KILL"):
            self._stop(signal)
            self._done.wait(GRACE_S)

    def _work(self, timeout_s: float) -> None:
        try:
            self._answer = self._shell.link.execute(self._command, timeout_s=timeout_s, on_stdout=self._lines.feed)
            self._lines.finish()
        except BaseException as problem:  # it is raised again in the thread that waits
            self._problem = problem
        finally:
            self._done.set()

    def _first(self, line: str) -> None:
        """The shell's first line is the id of the process that it becomes."""
        if self._pid is None:
            if not re.fullmatch(r"[1-9]\d{0,9}", line):
                raise NoProcessError(f"the device's shell said {printable(line)[:100]!r} for a process id")
            self._pid = int(line)
        else:
            self._deliver(line)

    def _fail(self, problem: BaseException, timeout_s: float) -> None:
        """End what runs on the device, and say why as `Device.run` does."""
        if not isinstance(problem, DeviceUnreachableError):
            self._stop("KILL")
        if isinstance(problem, LinkTimeoutError):
            raise CommandError(self._completed(), f"no end within {timeout_s:g} s") from problem
        if isinstance(problem, (LineTooLongError, NoProcessError)):
            raise CommandError(self._completed(), str(problem)) from problem
        raise problem

    def _stop(self, signal: str) -> None:
        """Signal the whole group, in a call of its own; a device that is gone needs none."""
        if self._pid is None or self._answer is not None:
            return
        command = f"kill -s {signal} -- -{self._pid} 2>/dev/null || kill -s {signal} {self._pid}"
        try:
            self._shell.link.execute(command, timeout_s=STOP_S)
        except Exception:  # the answer to a lost device is the caller's
            return

    def _completed(self) -> Completed:
        answer = self._answer or Answer(-1, b"", b"")
        code = answer.code - 128
        text = answer.stderr.decode("utf-8", "replace")
        took_s = time.monotonic() - self._began
        return Completed(self._argv, -code if code in SIGNALS else answer.code, "".join(self._kept), text, took_s)
