"""Whether the judge is right on signals whose answer is known: `python -m benchmarks.judging`.

False alarms and finds in matrices of 500 cells, beside the rules of other tools on the same sessions. Seeds are fixed.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.arguments import add_json, positive
from benchmarks.judging_signals import CELLS, KINDS, PLANTED, TAILS, Array, Noise, coefficients, groups, history
from benchmarks.judging_table import NOISIER, Row, render
from lab.analysis.judging.confirm import ROUNDS, paired
from lab.analysis.judging.evidence import evidence
from lab.analysis.judging.floors import floor_of, noise_between
from lab.analysis.judging.numbers import Sessions
from lab.analysis.judging.spread import spread

PAST, LEVEL, SEED = 30, 0.05, 20261124
REPEATS = 5  # repetitions of a session
Pythons = dict[str, tuple[str, str]]  # name of the rule: the tool and a Python that has it
HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Case:
    """One row of the table: noise, how it is judged, and what was planted (nothing with `loss` 0)."""

    what: str
    noise: Noise
    low: float
    high: float
    n: int
    loss: float = 0.0
    floor: float | None = 0.05  # None: learned
    confirm: bool = False
    bar: str = ""


@dataclass(frozen=True)
class Matrix:
    """Logarithms of rates: `x` [CELLS, PAST + 2 n], where `planted` [CELLS] lose; `again` in turns A B B A."""

    x: Array
    planted: np.ndarray[tuple[int], np.dtype[np.bool_]]
    again: Array


def cases() -> Iterator[Case]:
    """Yield the rows of the table."""
    for noise in KINDS:
        yield Case("nothing changed, CV 1-8 %", noise, 0.01, 0.08, 5, bar="< 1 false alarm")
    for noise in (KINDS[0], KINDS[1], KINDS[4]):
        bar = "> 95 % found" if noise is KINDS[0] else ""
        yield Case("8 % lost at CV 2 %, 5 a side", noise, 0.02, 0.02, 5, 0.08, bar=bar)
        yield Case("3 % lost at CV 1 %, 8 a side, learned floor", noise, 0.01, 0.01, 8, 0.03, None, bar=bar)
        yield Case("5 % lost at CV 2 %, 5 a side, floor 2 %, confirmed", noise, 0.02, 0.02, 5, 0.05, 0.02, True, bar)


def matrix(case: Case, rng: np.random.Generator) -> Matrix:
    """Return one matrix of the case."""
    cv = coefficients(rng, case.low, case.high)
    whole = history(rng, case.noise, cv, PAST + 2 * case.n + 4 * ROUNDS)
    planted = np.zeros(CELLS, np.bool_)
    if case.loss:
        planted[rng.choice(CELLS, PLANTED, replace=False)] = True
    x, again = whole[:, : PAST + 2 * case.n].copy(), whole[:, PAST + 2 * case.n :].copy()
    x[np.ix_(planted, np.arange(PAST + case.n, x.shape[1]))] += np.log(1 - case.loss)
    again[np.ix_(planted, np.flatnonzero(turns()))] += np.log(1 - case.loss)
    return Matrix(x, planted, again)


def turns() -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Return whether each session of the confirm stage is of B."""
    return np.tile(np.array([False, True, True, False]), ROUNDS)


def ours(case: Case, of: Matrix, *, past: bool = True) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Return which cells alarm. [CELLS]"""
    before, a, b = np.split(of.x, [PAST, PAST + case.n], axis=1)
    found = evidence(_sessions(a), _sessions(b), groups(), _sessions(before) if past else None)
    floor = _floors(before) if case.floor is None else np.full(CELLS, case.floor)
    worse = found.effect <= np.log1p(-floor)
    if not case.confirm:
        return np.asarray(worse & (found.p_adjusted <= LEVEL))
    again = paired(of.again[:, turns()] - of.again[:, ~turns()], groups())
    suspects = max(int(worse.sum()), 1)
    return np.asarray(worse & (again.effect <= np.log1p(-floor)) & (again.p / 2 * suspects <= LEVEL))


def _sessions(x: Array) -> Sessions:
    return Sessions(x, np.full(x.shape, np.nan), np.zeros(x.shape, np.int32))


def _floors(past: Array) -> Array:
    """The floors that sessions before both sides teach, one a target and metric. [CELLS]"""
    noise, group = noise_between(past, groups()), groups()
    return np.array([floor_of(noise[group == name]) for name in np.unique(group)])[group]


def by_rule(case: Case, of: Matrix) -> dict[str, np.ndarray[tuple[int], np.dtype[np.bool_]]]:
    """Return the alarms of the rules that are a formula."""
    times = np.exp(-of.x)
    a, b = times[:, PAST : PAST + case.n], times[:, PAST + case.n :]
    return {
        "lab": ours(case, of),
        "lab, no past": ours(case, of, past=False),
        # pytest-benchmark's documented --benchmark-compare-fail: min:5% of the example, and mean:5%.
        "pytest-benchmark min:5%": b.min(axis=1) > 1.05 * a.min(axis=1),
        "pytest-benchmark mean:5%": b.mean(axis=1) > 1.05 * a.mean(axis=1),
        "fixed 15 %": b.mean(axis=1) > 1.15 * a.mean(axis=1),
    }


def noisier(case: Case, of: Matrix, rng: np.random.Generator) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Return which cells would be called noisier; no cell is. Each session has five repetitions. [CELLS]"""
    _, a, b = np.split(of.x, [PAST, PAST + case.n], axis=1)
    found = spread(_with_spread(a, case, rng), _with_spread(b, case, rng), groups())
    return np.array([found.is_noisier(at, LEVEL) for at in range(CELLS)])


def _with_spread(x: Array, case: Case, rng: np.random.Generator) -> Sessions:
    """The sessions with what their repetitions differ by: the same noise, as large between them as between sessions."""
    size = (*x.shape, REPEATS)
    drawn = rng.standard_t(TAILS, size) if case.noise.heavy else rng.normal(size=size)
    return Sessions(x, np.log(np.sqrt(case.low * case.high) * drawn.std(axis=2, ddof=1)), np.zeros(x.shape, np.int32))


def others(pythons: Pythons, case: Case, of: Matrix) -> dict[str, np.ndarray[tuple[int], np.dtype[np.bool_]]]:
    """Return the alarms of other tools, by their own code in their own Python."""
    return {name: _other(*one, case, of) for name, one in pythons.items()}


def _other(tool: str, python: str, case: Case, of: Matrix) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    with tempfile.TemporaryDirectory(prefix="lab-judging-") as folder:
        into, out = Path(folder) / "in.npz", Path(folder) / "out.npz"
        np.savez(into, x=of.x, n=case.n)
        subprocess.run([python, str(HERE / "judging_rivals.py"), tool, str(into), str(out)], check=True)
        with np.load(out) as said:
            return np.asarray(said["alarms"], np.bool_)


def row(case: Case, matrices: int, few: int, pythons: Pythons) -> Row:
    """Judge `matrices` matrices of the case, the first `few` of them with other tools too."""
    rng, repetitions = np.random.default_rng(SEED), np.random.default_rng(SEED + 1)
    false: dict[str, list[int]] = {}
    found: dict[str, list[int]] = {}
    for number in range(matrices):
        of = matrix(case, rng)
        alarms = by_rule(case, of) | (others(pythons, case, of) if number < few else {})
        for name, each in alarms.items():
            false.setdefault(name, []).append(int(each[~of.planted].sum()))
            if case.loss:
                found.setdefault(name, []).append(int(each[of.planted].sum()))
        false.setdefault(NOISIER, []).append(int(noisier(case, of, repetitions).sum()))
    return Row(case.what, case.noise.name, case.bar, bool(case.loss), false, found)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="4 matrices a row instead of 30, one for other tools")
    parser.add_argument("--others", type=positive, default=30, metavar="N", help="matrices a row for other tools")
    parser.add_argument("--asv-python", metavar="PYTHON", help="a Python with asv 0.6.6 and numpy")
    parser.add_argument("--otava-python", metavar="PYTHON", help="a Python with apache-otava 0.8.0")
    add_json(parser)
    options = parser.parse_args()
    asked = {"asv compare": ("asv", options.asv_python), "Otava": ("otava", options.otava_python)}
    pythons = {name: one for name, one in asked.items() if one[1]}
    many, few = (4, 1) if options.quick else (30, options.others)
    with ProcessPoolExecutor(2) as pool:
        rows = list(pool.map(partial(row, matrices=many, few=few, pythons=pythons), cases()))
    print(json.dumps([asdict(each) for each in rows], indent=1) if options.json else "\n".join(render(rows)))


if __name__ == "__main__":
    main()
