"""Starts workers one after the other, watches the time of each input, and writes what was found."""

from __future__ import annotations

import argparse
import json
import select
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

HANG_S = 20.0
START_S = 120.0  # imports, on a busy machine
SLICE_S = 120.0
FAULTS = ("traceback", "escape", "outside", "hang", "memory", "endless message")


def main() -> int:
    """Fuzz for `--minutes`; 0 when nothing was found."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0, help="how long; default: 1")
    parser.add_argument("--seed", type=int, default=0, help="another seed gives other inputs; default: 0")
    parser.add_argument("--only", default="", help="only what has this in its name")
    parser.add_argument("--keep", type=Path, default=Path("fuzz-found"), help="where inputs that fail are kept")
    asked = parser.parse_args()
    counts: Counter[str] = Counter()
    found: dict[tuple[str, str, str], dict[str, Any]] = {}
    until, number = time.monotonic() + asked.minutes * 60, asked.seed * 100_000
    while (left := until - time.monotonic()) > 1:
        number += 1
        for one in _worker(number, min(left, SLICE_S), asked.only, counts):
            key = (one["at"], one["fault"], str(one["what"])[-200:])
            if key not in found:
                found[key] = one
                _keep(asked.keep, len(found), one)
    _report(counts, list(found.values()))
    return 1 if found else 0


def _worker(seed: int, seconds: float, only: str, counts: Counter[str]) -> list[dict[str, Any]]:
    words = [sys.executable, "-m", "benchmarks.fuzz.worker", "--seed", str(seed), "--seconds", str(seconds)]
    process = subprocess.Popen([*words, "--only", only], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    found: list[dict[str, Any]] = []
    at: dict[str, Any] = {}
    while True:
        ready, _, _ = select.select([process.stdout], [], [], HANG_S if at else START_S)
        if not ready:
            process.kill()
            found.append({**at, "fault": "hang", "what": f"over {HANG_S:g} s", "data": ""})
            break
        line = process.stdout.readline()
        if not line:
            break
        said = json.loads(line)
        if "at" in said:
            at = said
            counts[said["at"]] += 1
        else:
            found.append({**at, **said})
    process.wait()
    if process.returncode not in (0, -9):
        found.append({**at, "fault": "traceback", "what": f"the worker ended with {process.returncode}", "data": ""})
    return found


def _keep(folder: Path, number: int, one: dict[str, Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{number:04}-{one['fault']}-{one['at']}".replace(" ", "-")
    (folder / f"{name}.bin").write_bytes(bytes.fromhex(one["data"]))
    (folder / f"{name}.txt").write_text(f"seed {one.get('seed')}\n{one['what']}\n", encoding="utf-8")
    print(f"{one['fault']} in {one['at']}: {str(one['what']).strip().splitlines()[-1][:200]!r}", flush=True)


def _report(counts: Counter[str], found: list[dict[str, Any]]) -> None:
    for name, count in counts.items():
        print(f"{count:8}  {name}")
    print(f"{sum(counts.values()):8}  inputs in all")
    kinds = Counter(one["fault"] for one in found)
    print(", ".join(f"{kind}: {kinds[kind]}" for kind in FAULTS))


if __name__ == "__main__":
    sys.exit(main())
