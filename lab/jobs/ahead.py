"""This machine's runner, built in a process of its own while the model is compiled."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from lab.core.errors import LabError
from lab.core.process import start, stop_group
from lab.core.progress import Progress
from lab.formats.target import TargetSpec

# -P: no module of the working folder stands in for lab's.
PROGRAM = (sys.executable, "-P", "-c", "import sys; from lab.ondevice.build import runner; runner(*sys.argv[1:])")
GRACE_S = 5.0  # for taking away what is half-made


@contextmanager
def runner_ahead(target: TargetSpec, progress: Progress) -> Iterator[None]:
    """Build the runner while the block runs, and wait for that at its end; nothing is started where it is built.

    Only time is won by it: who needs the runner asks for it afterwards, and is told then why it cannot be built. An
    error of the block, or Ctrl-C, ends the process, and it takes away what is half-made.
    """
    process = _started(target)
    if process is None:
        yield
        return
    try:
        yield
        if process.poll() is None:
            with progress.phase("build the runner"):
                process.communicate()
    finally:
        _end(process)


def _started(target: TargetSpec) -> subprocess.Popen[bytes] | None:
    from lab.ondevice.build import is_built

    with suppress(LabError):
        if target.compile.libc == "device" and not is_built(target.compile.mtriple):
            return start([*PROGRAM, target.compile.mtriple], env=dict(os.environ))
    return None


def _end(process: subprocess.Popen[bytes]) -> None:
    with process:  # closes its pipes
        if process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                process.wait(GRACE_S)
        stop_group(process, grace_s=0)
