"""Whether roofs bound: each loop that they are measured with, and the bandwidth against a program without lab's code.

    python -m benchmarks.roofs
    python -m benchmarks.roofs --loops

The first takes turns with a plain C loop over an array and ends with 1 where the two differ by more than 10 %, medians
against medians and fastest against fastest. The second prints the rate of every loop for each compiler of this machine.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import platform
import statistics
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.arguments import add_json, positive
from lab.core.errors import LabError, MeasureError
from lab.core.proc import run
from lab.core.units import percent
from lab.ondevice.build import FLAGS, SOURCES, RunnerFiles, runner
from lab.ondevice.compilers import Compiler, build_env, compilers
from lab.ondevice.events import Bandwidth, decode_line
from lab.views.console import to_text
from lab.views.table import left, right, table
from lab.views.units import giga_ops_per_s

WIDTH = 100
ABI, TRIPLE = f"{platform.machine()}-linux-gnu", f"{platform.machine()}-unknown-linux-gnu"
HERE = Path(__file__).parent
BYTES = 512 << 20
PASSES = 8
TOLERANCE = 0.10
TIMEOUT_S = 600.0


@dataclass(frozen=True)
class Rate:
    """What one loop did with so many threads, per second: bytes read, or operations."""

    kind: str
    loop: str
    compiler: str
    threads: int
    median: float
    fastest: float


@dataclass(frozen=True)
class Against:
    """Bytes/s of the roof (`lab`) and of the plain program, and their ratio, medians or fastest passes."""

    what: str
    lab: float
    plain: float

    @property
    def ratio(self) -> float:
        """The roof as a multiple of what the plain program read."""
        return self.lab / self.plain


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; 0 when the roof is within a tenth, 1 when it is not or an error says why."""
    options = _parser().parse_args(arguments)
    try:
        with tempfile.TemporaryDirectory() as folder:
            if options.loops:
                return _print_loops(list(each_loop(Path(folder), options.threads, options.turns)), options.json)
            return _print_against(against_plain(Path(folder), options.threads, options.turns), options.json)
    except LabError as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.roofs", description=__doc__)
    parser.add_argument("--loops", action="store_true", help="print the rate of every loop")
    parser.add_argument("--threads", type=positive, default=len(os.sched_getaffinity(0)), help="threads at the most")
    parser.add_argument("--turns", type=positive, default=7, help="how often each is measured (default: %(default)s)")
    add_json(parser)
    return parser


def each_loop(folder: Path, threads: int, turns: int) -> Iterator[Rate]:
    """Yield every loop with one thread and with `threads`, as each compiler makes it, all by turns."""
    binaries = {Path(compiler.name).name: _harness(compiler, folder) for compiler in compilers(ABI)}
    counts = tuple(dict.fromkeys((1, threads)))
    found: dict[tuple[str, str, str, int], list[float]] = defaultdict(list)
    for _ in range(turns):
        for (name, binary), count in itertools.product(binaries.items(), counts):
            done = run([str(binary), str(count), "1"], timeout_s=TIMEOUT_S, check=True)
            for kind, loop, rate in (line.split(";") for line in done.stdout.splitlines()):
                found[kind, loop, name, count].append(float(rate))
    for key, rates in found.items():
        yield Rate(*key, statistics.median(rates), max(rates))


def _harness(compiler: Compiler, folder: Path) -> Path:
    binary = folder / f"each-{Path(compiler.name).name}"
    names = ("read_loop", "peak_x86", "peak_arm", "peak_portable", "passes", "pool", "shares", "cpu", "arm")
    units = [str(HERE / "each_loop.cc"), *(str(SOURCES / f"{name}.cc") for name in names)]  # one peak is empty
    _build(compiler, [*FLAGS, f"-I{SOURCES}", *units, "-lpthread"], binary)
    return binary


def against_plain(folder: Path, threads: int, turns: int) -> list[Against]:
    """Return the roof beside what a plain C loop reads, by turns."""
    plain, ours = folder / "read_memory", runner(TRIPLE)
    flags = ["-x", "c", "-O3", "-march=native", "-funroll-loops", str(HERE / "read_memory.c"), "-lpthread"]
    _build(compilers(ABI)[0], flags, plain)
    roof: list[float] = []
    other: list[float] = []
    for _ in range(turns):
        roof += _roof(ours, threads)
        words = [str(plain), str(threads), str(BYTES), str(PASSES)]
        other += map(float, run(words, timeout_s=TIMEOUT_S, check=True).stdout.split())
    medians = Against("median", statistics.median(roof), statistics.median(other))
    return [medians, Against("fastest", max(roof), max(other))]


def _roof(files: RunnerFiles, threads: int) -> tuple[float, ...]:
    counts = {"threads": threads, "bytes": BYTES, "passes": PASSES}
    words = [part for name, value in counts.items() for part in (f"--{name}", str(value))]
    env = {**os.environ, **files.env()}
    done = run([str(files.binary), "bandwidth", *words], timeout_s=TIMEOUT_S, env=env, check=True)
    event = decode_line(done.stdout.strip(), 1)
    if not isinstance(event, Bandwidth):
        raise MeasureError(f"no bandwidth from the runner: {done.stdout.strip()}")
    return event.bytes_per_s


def _build(compiler: Compiler, words: list[str], binary: Path) -> None:
    with build_env(compiler) as env:
        run([*compiler.argv, *words, "-o", str(binary)], timeout_s=TIMEOUT_S, env=env, check=True)


def _print_loops(rates: list[Rate], as_json: bool) -> int:
    if as_json:
        print(json.dumps([asdict(rate) for rate in rates], indent=2))
        return 0
    ways = list(dict.fromkeys((rate.compiler, rate.threads) for rate in rates))
    columns = [left("Kind"), left("Loop"), *(right(f"{compiler}\n{threads} thr.") for compiler, threads in ways)]
    of = {(rate.kind, rate.loop, rate.compiler, rate.threads): rate for rate in rates}
    rows = [[*loop, *(_shown(of.get((*loop, *way))) for way in ways)] for loop in dict.fromkeys(key[:2] for key in of)]
    print(to_text(table(columns, rows), WIDTH))
    print("Median and fastest pass; GB/s of reads, GOP/s of the rest.")
    return 0


def _shown(rate: Rate | None) -> str:
    return "" if rate is None else f"{giga_ops_per_s(rate.median)} {giga_ops_per_s(rate.fastest):>5}"


def _print_against(found: list[Against], as_json: bool) -> int:
    if as_json:
        print(json.dumps([{**asdict(one), "ratio": one.ratio} for one in found], indent=2))
    else:
        columns = [left(""), right("Roof\nGB/s"), right("Plain C\nGB/s"), right("Ratio")]
        rows = [[one.what, giga_ops_per_s(one.lab), giga_ops_per_s(one.plain), f"{one.ratio:.2f}"] for one in found]
        print(to_text(table(columns, rows), WIDTH))
    within = all(1 - TOLERANCE <= one.ratio <= 1 + TOLERANCE for one in found)
    how = "within" if within else "NOT within"
    print(f"{how} {percent(TOLERANCE)} of a program without lab's code", file=sys.stderr)
    return 0 if within else 1


if __name__ == "__main__":
    sys.exit(main())
