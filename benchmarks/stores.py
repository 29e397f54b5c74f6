"""Saving and reading many runs in files and in PostgreSQL, side by side.

    python -m benchmarks.stores RUN.json postgresql://USER@HOST/AN_EMPTY_DATABASE [COUNT]

RUN.json is a recorded run, which is stored COUNT times (default 1000) under ids of its own.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from lab import store
from lab.formats.run_record import RunRecord

COUNT = 1000


def steps(record: RunRecord, count: int) -> dict[str, Callable[[], object]]:
    """What is timed, in order; the store in use is $LAB_STORE's."""
    runs = [replace(record, run_id=f"20260101-000000-{number:06x}") for number in range(count)]

    def save() -> None:
        for run in runs:
            store.save(run)

    return {
        "save": save,
        "list (entries)": store.entries,
        "find the latest": lambda: store.find("latest"),
        "read all (iter_runs)": lambda: sum(1 for _ in store.iter_runs()),
    }


def timed(record: RunRecord, count: int) -> dict[str, tuple[float, float]]:
    """Return for each step the seconds it took, and those of this process's CPU."""
    found = {}
    for name, step in steps(record, count).items():
        wall, cpu = time.perf_counter(), time.process_time()
        step()
        found[name] = (time.perf_counter() - wall, time.process_time() - cpu)
    return found


def main(path: str, url: str, count: int) -> None:
    """Print one line a step."""
    record = store.load(Path(path).absolute())
    with tempfile.TemporaryDirectory() as home:
        os.environ["LAB_HOME"] = home
        files = timed(record, count)
        os.environ["LAB_STORE"] = url
        if store.entries():
            sys.exit("the database is not empty")
        rows = timed(record, count)
    print(f"{count} runs of {Path(path).stat().st_size / 1e3:.0f} kB")
    print(f"{'seconds (of this CPU)':24}{'files':>22}{'PostgreSQL':>22}")
    for name in files:
        print(f"{name:24}{_spelled(*files[name]):>22}{_spelled(*rows[name]):>22}")


def _spelled(wall: float, cpu: float) -> str:
    return f"{wall:.3f} ({cpu:.3f})"


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else COUNT)
