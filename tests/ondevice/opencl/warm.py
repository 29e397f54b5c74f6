"""A process that has imported TVM, and forks one of the plug-in's tests after the other: see child.py."""

from __future__ import annotations

import atexit
import functools
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from subprocess import PIPE, CompletedProcess


def run(argv: Sequence[str], env: Mapping[str, str], code: str) -> CompletedProcess[str]:
    """Run the code in a process that begins with `env`, but for what the loader reads at the start of a program."""
    process = parent()
    assert process.stdin is not None
    assert process.stdout is not None
    with tempfile.TemporaryDirectory(prefix="lab-opencl-") as folder:
        request = {"argv": argv, "env": dict(env), "code": code, "folder": folder}
        process.stdin.write(json.dumps(request) + "\n")
        process.stdin.flush()
        ended = int(process.stdout.readline())
        out, err = ((Path(folder) / name).read_text() for name in ("out", "err"))
    return CompletedProcess(list(argv), ended, out, err)


@functools.cache
def parent() -> subprocess.Popen[str]:
    """Return the process that forks, started when it is first needed; it ends with this one."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.ondevice.opencl.child"], stdin=PIPE, stdout=PIPE, text=True
    )
    atexit.register(process.communicate)
    return process
