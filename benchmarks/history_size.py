"""How a long history is read and judged: a million points, and a store of 10 000 runs cold, warm and with one new.

    python -m benchmarks.history_size
    python -m benchmarks.history_size --points 1000000 --runs 10000 --rounds 5

Every measurement is a process of its own: what it takes from its first import on, and the most memory it ever held.
A million points are read from the cache of points (compiled/points/), which is how every verb reads a history, and
judged: the newest tenth of the runs against the rest. Bars: under 3 s and 1.5 GB for both together.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.arguments import add_json, positive
from benchmarks.synthetic_store import write_store
from lab.jobs.demo.record import document
from lab.jobs.demo.world import world
from lab.jobs.demo.write import write_document

POINTS_A_RUN = 14
BAR_S, BAR_BYTES = 3.0, 1_500_000_000
Measured = dict[str, float]


def main(argv: Sequence[str] | None = None) -> int:
    """Run, print, return 0 when the bars are met, else 1."""
    options = _options(argv)
    if options.child:
        print(json.dumps(CHILDREN[options.child]()))
        return 0
    with tempfile.TemporaryDirectory(dir=options.folder, prefix="lab-history-") as folder:
        found = {
            "million": _million(Path(folder) / "million", options.points, options.rounds),
            **_store(Path(folder) / "store", options.runs, options.rounds),
        }
    print(json.dumps(found) if options.json else _table(found))
    million = found["million"]
    return 0 if million["load_s"] + million["judge_s"] < BAR_S and million["peak_bytes"] < BAR_BYTES else 1


def _million(home: Path, points: int, rounds: int) -> Measured:
    """Keep a history of about so many points, then read and judge it in processes of their own."""
    _child("keep", home, LAB_POINTS=str(points))
    return _medians([_child("judge", home) for _ in range(rounds)])


def _store(home: Path, runs: int, rounds: int) -> dict[str, Measured]:
    made = world(runs + rounds * 60)
    short = world(runs)
    write_store(home, short)
    found = {"cold": _child("load", home), "warm": _medians([_child("load", home) for _ in range(rounds)])}
    news = []
    for number in range(rounds):
        write_document(home, document(made, made.sessions - 1 - number, 0, 0x100000 + number))
        news.append(_child("load", home))
    return {**found, "one new": _medians(news)}


def _keep() -> Measured:
    from benchmarks.synthetic_points import synthetic_points
    from lab.analysis.points.cache import Kept, kept_file, write_kept

    points = synthetic_points(world(int(os.environ["LAB_POINTS"]) // POINTS_A_RUN + 1))
    write_kept(kept_file(), Kept(points, [f"version {number}" for number in range(len(points.runs))], []))
    return {"points": len(points)}


def _judge() -> Measured:
    began = time.perf_counter()
    import numpy as np

    from lab.analysis.judging.judge import Policy, Side, judge
    from lab.analysis.points.cache import kept_file, read_kept

    imported = time.perf_counter()
    kept = read_kept(kept_file())
    assert kept is not None
    loaded = time.perf_counter()
    points, runs = kept.points, len(kept.versions)
    cut = runs * 9 // 10
    old, new = (np.arange(*ends, dtype=np.int32) for ends in ((0, cut), (cut, runs)))
    judgement = judge(points, Side("old", old), Side("new", new), Policy())
    done = time.perf_counter()
    counts = {"points": len(points), "runs": runs, "verdicts": len(judgement.verdicts)}
    return {**counts, "import_s": imported - began, "load_s": loaded - imported, "judge_s": done - loaded, **_peak()}


def _load() -> Measured:
    began = time.perf_counter()
    from lab.analysis.points.load import load_points

    imported = time.perf_counter()
    loaded = load_points()
    done = time.perf_counter()
    counts = {"points": len(loaded.points), "runs": len(loaded.points.runs), "damaged": len(loaded.bad)}
    return {**counts, "import_s": imported - began, "load_s": done - imported, **_peak()}


def _peak() -> Measured:
    return {"peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}


CHILDREN = {"keep": _keep, "judge": _judge, "load": _load}


def _child(what: str, home: Path, **more: str) -> Measured:
    command = [sys.executable, "-m", "benchmarks.history_size", "--child", what]
    began = time.perf_counter()
    env = {**os.environ, "LAB_HOME": str(home), **more}
    done = subprocess.run(command, env=env, stdout=subprocess.PIPE, text=True, check=True)
    said: Measured = json.loads(done.stdout)
    return {**said, "wall_s": time.perf_counter() - began}


def _medians(rounds: Sequence[Measured]) -> Measured:
    return {name: statistics.median(one[name] for one in rounds) for name in rounds[0]}


def _table(found: dict[str, Measured]) -> str:
    lines = [f"{'':<10}{'points':>10}{'runs':>8}{'import':>9}{'load':>9}{'judge':>9}{'process':>9}{'peak':>10}"]
    for name, one in found.items():
        judged = f"{one['judge_s']:.3f} s" if "judge_s" in one else ""
        times = f"{one['import_s']:>7.3f} s{one['load_s']:>7.3f} s{judged:>9}{one['wall_s']:>7.3f} s"
        lines.append(f"{name:<10}{one['points']:>10.0f}{one['runs']:>8.0f}{times}{one['peak_bytes'] / 1e6:>7.0f} MB")
    return "\n".join(lines)


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    about = (__doc__ or "").partition("\n")[0]
    parser: Any = argparse.ArgumentParser(prog="python -m benchmarks.history_size", description=about)
    parser.add_argument("--points", type=positive, default=1_000_000, help="default: %(default)s")
    parser.add_argument("--runs", type=positive, default=10_000, help="default: %(default)s")
    parser.add_argument("--rounds", type=positive, default=5, help="of each but the cold one; default: %(default)s")
    parser.add_argument("--folder", type=Path, help="where the histories are made; default: the system's own")
    parser.add_argument("--child", choices=list(CHILDREN), help=argparse.SUPPRESS)
    add_json(parser)
    options: argparse.Namespace = parser.parse_args(argv)
    return options


if __name__ == "__main__":
    sys.exit(main())
