"""Builds and sessions of the revision that is checked out, each a process of its own."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lab.core.errors import DeviceUnreachableError, LabError, MeasureError
from lab.core.jsonio import parse_json
from lab.core.text import printable
from lab.jobs.bisect.state import Hunt

TAIL_LINES = 12
UNREACHABLE, INTERRUPTED = 4, 130


class UnmeasurableError(MeasureError):
    """This revision does not build, or gives no session: nobody can say whether it is good."""


def build(hunt: Hunt, folder: Path) -> None:
    """Run the build command, if there is one; UnmeasurableError with its last words when it fails."""
    if hunt.build is None:
        return
    log = folder / "build.log"
    # A line of shell because it is one that the user wrote; nothing is put into it.
    code, _ = _run(["sh", "-c", hunt.build], hunt, log)
    if code != 0:
        raise UnmeasurableError(f"the build ended with code {code}\n{_tail(log)}")


def measure(hunt: Hunt, folder: Path) -> list[str]:
    """Measure one session and return the ids of its runs.

    Raises:
        DeviceUnreachableError: the device is to blame: no other revision would fare better.
        UnmeasurableError: the program is, and left no run.
    """
    log = folder / "measure.log"
    code, out = _run(hunt.measure, hunt, log)
    if code == UNREACHABLE:
        raise DeviceUnreachableError(f"the device failed\n{_tail(log)}")
    if code == INTERRUPTED:
        raise KeyboardInterrupt
    found = _run_ids(out)
    if not found:
        raise UnmeasurableError(f"measuring ended with code {code} and no run\n{_tail(log)}")
    return found


def _run(argv: Sequence[str], hunt: Hunt, log: Path) -> tuple[int, str]:
    """Run in the repository, in this process group: a Ctrl-C that ends the step reaches it too."""
    with log.open("wb") as err:
        try:
            process = subprocess.Popen(
                list(argv), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=err, cwd=hunt.top, env=_env(hunt)
            )
        except OSError as problem:
            raise UnmeasurableError(f"{printable(argv[0])}: cannot start: {problem.strerror}") from problem
        try:
            out, _ = process.communicate()
        except KeyboardInterrupt:
            process.wait()  # it was told as well, and puts on record what it has
            raise
    return process.returncode, out.decode("utf-8", "replace")


def _env(hunt: Hunt) -> dict[str, str]:
    """The environment that the driver was started in: this step may run from a copy of lab."""
    env = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    return env if hunt.pythonpath is None else {**env, "PYTHONPATH": hunt.pythonpath}


def _run_ids(text: str) -> list[str]:
    try:
        document: Any = parse_json(text, where="lab run --json")
    except LabError:
        return []
    documents = document if isinstance(document, list) else [document]
    return [one["run_id"] for one in documents if isinstance(one, dict) and isinstance(one.get("run_id"), str)]


def _tail(log: Path) -> str:
    lines = log.read_text("utf-8", "replace").strip().splitlines()[-TAIL_LINES:]
    return "\n".join(f"  {printable(line)}" for line in lines)
