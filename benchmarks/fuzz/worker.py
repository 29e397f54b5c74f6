"""One process that reads inputs until its time is over, and tells its parent of each before it does."""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import shutil
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any

from benchmarks.fuzz import commands, files, streams, systems
from benchmarks.fuzz.targets import Target
from lab.core.errors import LabError

MAX_GROWTH_KIB = 500 << 10
ADDRESS_SPACE_BYTES = 4 << 30  # beyond it is a MemoryError, not the end of the machine


def all_targets() -> list[Target]:
    """Return everything that is fuzzed."""
    return [*files.targets(), *streams.targets(), *systems.targets(), *commands.targets()]


def main() -> int:
    """Read inputs number `--first`, `--first` + 1, ... of each target for `--seconds`."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--only", default="")
    asked = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE_BYTES, ADDRESS_SPACE_BYTES))
    tell = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    chosen = [one for one in all_targets() if asked.only in one.name]
    until, number = time.monotonic() + asked.seconds, 0
    while time.monotonic() < until:
        for target in chosen:
            for _ in range(target.at_once):
                number += 1
                _one(target, f"{asked.seed}:{number}", tell)
    return 0


def _one(target: Target, seed: str, tell: Any) -> None:
    data = target.make(random.Random(f"{seed}:{target.name}"))
    box = Path(tempfile.mkdtemp(prefix="lab-fuzz-"))
    (box / "in").mkdir()
    print(json.dumps({"at": target.name, "seed": seed, "box": str(box)}), file=tell)
    before = _peak_kib()
    fault = fault_of(target, box / "in", data)
    if fault is None and _peak_kib() - before > MAX_GROWTH_KIB:
        fault = ("memory", f"{(_peak_kib() - before) >> 10} MiB")
    if fault is None and [path.name for path in box.iterdir()] != ["in"]:
        fault = ("outside", str(sorted(path.name for path in box.iterdir())))
    os.chdir("/")
    shutil.rmtree(box, ignore_errors=True)
    if fault is not None:
        print(json.dumps({"fault": fault[0], "what": fault[1], "data": data.hex()}), file=tell)
    if fault is not None and fault[0] == "memory":
        sys.exit(0)  # the next one has to be measured from the ground again


def fault_of(target: Target, folder: Path, data: bytes) -> tuple[str, str] | None:
    """Return the kind of what must not happen and the particulars; None where the input is read or refused."""
    try:
        target.read(folder, data)
    except LabError as problem:
        return None if len(problem.what) < 20_000 else ("endless message", problem.what[:200])
    except commands.EscapedError as problem:
        return "escape", str(problem)
    except MemoryError:
        return "memory", traceback.format_exc()[-1500:]
    except Exception:
        return "traceback", traceback.format_exc()[-2500:]
    return None


def _peak_kib() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    sys.exit(main())
