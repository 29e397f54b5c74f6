"""Whole sessions on a device at the other end of a link, each in a process of its own that may be killed at any moment.

python -m tests.devices.faults.session

reads folders, a line each. It has imported all that a session needs, and forks: what is killed is the session, and
not the start of Python. It tells the process id, and then the exit code as subprocess has it.
"""

from __future__ import annotations

import os
import select
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO

from lab.devices.remote.device import RemoteDevice
from tests.devices.shell_link import ShellLink, target
from tests.measure.bench import Bench

ROOT = Path(__file__).resolve().parents[3]
OUTPUT = "said"  # of a session, in its folder
MOST_S = 60.0


def device(folder: Path) -> RemoteDevice:
    return RemoteDevice(target(folder / "work", "bench"), ShellLink, sleep=lambda seconds: None)


@dataclass
class Session:
    """A session that runs, as far as who is not its parent can see it."""

    pid: int
    handle: int
    folder: Path
    answers: IO[str]

    def wait(self, timeout_s: float) -> bool:
        """Return whether it has ended within that time."""
        return bool(select.select([self.handle], [], [], timeout_s)[0])

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.pid, 9)

    def finish(self, timeout_s: float = MOST_S) -> tuple[int, str]:
        """Return its exit code and all that it said."""
        assert self.wait(timeout_s), "the session hangs"
        os.close(self.handle)
        return int(self.answers.readline()), (self.folder / OUTPUT).read_text()


class Sessions:
    """The process that forks sessions, one at a time; they find their homes in the environment that it was made in."""

    def __enter__(self) -> Sessions:
        words = [sys.executable, "-m", "tests.devices.faults.session"]
        self._parent = subprocess.Popen(words, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._parent.communicate(timeout=MOST_S)

    def start(self, folder: Path) -> Session:
        assert self._parent.stdin is not None
        assert self._parent.stdout is not None
        self._parent.stdin.write(f"{folder}\n")
        self._parent.stdin.flush()
        pid = int(self._parent.stdout.readline())
        return Session(pid, os.pidfd_open(pid), folder, self._parent.stdout)


def main() -> None:
    for line in sys.stdin:
        go, ready = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(ready)
            os.read(go, 1)  # its parent has told who it is, and so it is there to be looked at
            _session(Path(line.rstrip("\n")))
        os.close(go)
        print(pid, flush=True)
        os.close(ready)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


def _session(folder: Path) -> None:
    """Run one session, with no input and its output in a file; never returns."""
    output = os.open(folder / OUTPUT, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for number, handle in enumerate((os.open(os.devnull, os.O_RDONLY), output, output)):
        os.dup2(handle, number)
    code = 1
    try:
        bench = Bench(folder)
        bench.device = device(folder)  # type: ignore[assignment]
        print(bench.run(repeats=4).status, flush=True)
        code = 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(code)


if __name__ == "__main__":
    main()
