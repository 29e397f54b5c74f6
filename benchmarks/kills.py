"""Sessions whose host, and sessions whose runner, is killed at random moments: a thousand times each, as the tests do.

    python -m benchmarks.kills
    python -m benchmarks.kills --kills 100 --seed 7

Each part ends with a failed assertion where a lock or a program is left, a file is half and taken for whole, a record
does not read, or the next session does not run. The tests kill 25 of each: tests/devices/faults/test_kills.py.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.arguments import positive
from tests.devices.faults.kills import kill_hosts, kill_runners

PARTS: dict[str, tuple[Callable[[Path, int, int], int], str]] = {
    "hosts": (kill_hosts, "were in the middle of a session"),
    "runners": (kill_runners, "rows tell of it"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run both parts, each in a home of its own, and say how many were killed; return 0."""
    parser = argparse.ArgumentParser(prog="benchmarks.kills", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--kills", type=positive, default=1000, help="of hosts, and of runners")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(argv)
    for name, (kill, what) in PARTS.items():
        with tempfile.TemporaryDirectory(prefix="lab-kills-") as folder:
            os.environ.update(LAB_HOME=f"{folder}/home", LAB_LOCKS=f"{folder}/locks")
            began = time.monotonic()
            found = kill(Path(folder), options.kills, options.seed)
        print(f"{options.kills} {name} killed in {time.monotonic() - began:.0f} s, of which {found} {what}; all fine")
    return 0


if __name__ == "__main__":
    sys.exit(main())
