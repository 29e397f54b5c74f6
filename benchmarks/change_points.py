"""How well changes of level are found: on known signals, beside Otava's own code when that is installed somewhere.

    python -m benchmarks.change_points
    python -m benchmarks.change_points --otava-python ~/otava/bin/python

Every series has 60 runs whose noise has a standard deviation of 2 % of the level. Steps lose 5 %, at a run drawn
between the 10th and the 50th. `found within 1` is the share of series in which some change lies within one run of the
true one, `extra` counts changes that lie farther away or come twice, `false alarms` the series without a change in
which one was found. All seeds are fixed.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.arguments import add_json, positive
from lab.analysis.history.change_points import LEVEL, change_points
from lab.core.units import percent

Numbers = NDArray[np.float64]
Find = Callable[[Sequence[Numbers]], list[list[int]]]
RUNS, STEP, CV, FLOOR = 60, 0.95, 0.02, 0.02
LENGTHS = (20, 200, 2000, 20_000)
NOISES = ("normal", "heavy-tailed", "autocorrelated 0.3", "autocorrelated 0.6", "drifting")
OTAVA = """
import json, sys
from otava.analysis import compute_change_points
found = [compute_change_points(one, min_magnitude=%r)[0] for one in json.load(sys.stdin)]
print(json.dumps([[int(point.index) for point in one] for one in found]))
"""


@dataclass(frozen=True)
class Row:
    """What one rule made of the series of one noise."""

    rule: str
    noise: str
    within_1: float
    extra: int
    false_alarms: int
    series: int


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print, return 0; 1 when a step in normal noise is located less often than it must be."""
    options = _options(argv)
    rules: dict[str, Find] = {"lab": _ours}
    if options.otava_python:
        rules["Otava"] = _otava(options.otava_python)
    rows = [row(name, find, noise, options.series) for noise in NOISES for name, find in rules.items()]
    took = {count: _time(count) for count in LENGTHS}
    took_many = _time_many(300)
    if options.json:
        print(json.dumps({"rows": [asdict(one) for one in rows], "seconds": took, "seconds_300_of_60": took_many}))
    else:
        print(_table(rows, took, took_many))
    return 0 if rows[0].within_1 > 0.9 else 1


def row(name: str, find: Find, noise: str, count: int) -> Row:
    """Judge `count` series with a step and as many without one."""
    places = np.random.default_rng(1).integers(10, RUNS - 9, count)
    found = find([_series(noise, seed, int(at)) for seed, at in enumerate(places)])
    near = [sum(abs(place - at) <= 1 for place in one) for one, at in zip(found, places, strict=True)]
    extra = sum(len(one) - min(hits, 1) for one, hits in zip(found, near, strict=True))
    quiet = find([_series(noise, count + seed, RUNS) for seed in range(count)])
    return Row(name, noise, sum(hits > 0 for hits in near) / count, extra, sum(map(bool, quiet)), count)


def _series(noise: str, seed: int, at: int) -> Numbers:
    values = 100 * (1 + CV * _noise(noise, np.random.default_rng((20, seed))))
    values[at:] *= STEP
    return np.asarray(values, np.float64)


def _noise(noise: str, draw: np.random.Generator) -> Numbers:
    """RUNS numbers of variance 1."""
    if noise == "heavy-tailed":  # Student's t with 3 degrees of freedom
        return np.asarray(draw.standard_t(3, RUNS) / np.sqrt(3), np.float64)
    white = draw.standard_normal(RUNS)
    if noise == "drifting":  # a slow wave of temperature, a third of the variance
        phase, period = draw.uniform(0, 2 * np.pi), draw.uniform(25, 60)
        wave = np.sqrt(2) * np.sin(2 * np.pi * np.arange(RUNS) / period + phase)
        return np.asarray(np.sqrt(2 / 3) * white + np.sqrt(1 / 3) * wave, np.float64)
    phi = float(noise.split()[1]) if noise.startswith("auto") else 0.0
    for i in range(1, RUNS):
        white[i] = phi * white[i - 1] + np.sqrt(1 - phi**2) * white[i]
    return white


def _ours(series: Sequence[Numbers]) -> list[list[int]]:
    return [[found.index for found in change_points(one, level=LEVEL, floor=FLOOR)] for one in series]


def _otava(python: Path) -> Find:
    def find(series: Sequence[Numbers]) -> list[list[int]]:
        given = json.dumps([one.tolist() for one in series])
        command = [str(python), "-W", "ignore", "-c", OTAVA % FLOOR]
        done = subprocess.run(command, input=given, capture_output=True, text=True, check=True)
        places: list[list[int]] = json.loads(done.stdout)
        return places

    return find


def _time(count: int) -> float:
    """Seconds for one series of this length with a step in its middle, with nothing drawn before."""
    values = 100 * (1 + CV * np.random.default_rng(count).standard_normal(count))
    values[count // 2 :] *= STEP
    began = time.perf_counter()
    change_points(values, floor=FLOOR)
    return time.perf_counter() - began


def _time_many(count: int) -> float:
    """Seconds for `count` series of RUNS points, every second one with a step."""
    series = [_series("normal", 10_000 + seed, RUNS if seed % 2 else 30) for seed in range(count)]
    began = time.perf_counter()
    _ours(series)
    return time.perf_counter() - began


def _table(rows: Sequence[Row], took: dict[int, float], many: float) -> str:
    lines = [f"{'Noise':<20}{'Rule':<8}{'found within 1':>15}{'extra':>8}{'false alarms':>18}"]
    for one in rows:
        alarms = f"{one.false_alarms} of {one.series}"
        lines += [f"{one.noise:<20}{one.rule:<8}{percent(one.within_1, 1):>15}{one.extra:>9}{alarms:>18}"]
    lines += ["", *(f"{count:>6} points: {seconds:.3f} s" for count, seconds in took.items())]
    return "\n".join([*lines, f"   300 series of {RUNS} points: {many:.2f} s"])


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.change_points", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--series", type=positive, default=1000, metavar="N", help="series of each kind (1000)")
    text = "a Python that has apache-otava; judges the same series with it"
    parser.add_argument("--otava-python", type=Path, metavar="PATH", help=text)
    add_json(parser)
    return parser.parse_args(argv)


if __name__ == "__main__":
    raise SystemExit(main())
