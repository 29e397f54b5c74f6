"""How often a gate is red though nothing changed, and how often a spread that doubled is found.

    python -m benchmarks.noise_words
    python -m benchmarks.noise_words --gates 200

Gates of 1, 4 and 12 cells are judged by lab's own `judge`, whole verdicts and not one test of it. Sessions vary by 1 %
and are bad now and then, each cell by itself or all cells of a session together, or have two modes. Red is every
verdict that makes exit code 3. All seeds are fixed.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from benchmarks.arguments import add_json, positive
from benchmarks.noise_points import points_of_cells
from lab.analysis.judging.judge import Policy, Side, judge
from lab.core.units import percent

Array = NDArray[np.float64]
SEED, CV, TWICE = 20261128, 0.01, 2.0
SHAPES = tuple((cells, sessions) for cells in (1, 4, 12) for sessions in (5, 8))
RED_BAR, FOUND_BAR = 0.02, 0.80


@dataclass(frozen=True)
class Noise:
    """How sessions vary: a share of them is `low` times as fast, or in the lower of two modes that lie `gap` apart."""

    name: str
    share: float = 0.0
    low: float = 1.0
    together: bool = False  # a bad session is bad in all cells
    cv: float = CV


QUIET = Noise("normal, CV 1 %")
NOISES = (
    QUIET,
    Noise("5 % of sessions 20 % low", 0.05, 0.8),
    Noise("5 % of sessions 20 % low, in all cells", 0.05, 0.8, True),
    Noise("2 % of sessions at half speed", 0.02, 0.5),
    Noise("2 % of sessions at half speed, in all cells", 0.02, 0.5, True),
    Noise("two modes 80:20, 3 % apart", 0.2, 0.97),
    Noise("two modes 50:50, 3 % apart", 0.5, 0.97),
    Noise("two modes 80:20, 4 % apart, CV 0.3 %", 0.2, 0.96, False, 0.003),
    Noise("two modes 50:50, 4 % apart, CV 0.3 %", 0.5, 0.96, False, 0.003),
    Noise("two modes 80:20, 4 % apart, CV 0.3 %, in all cells", 0.2, 0.96, True, 0.003),
)
# Where a doubled spread is found in FOUND_BAR of gates: cells, sessions a side, sessions before both.
DOUBLED = ((12, 10, 0), (4, 20, 0), (1, 60, 0), (12, 10, 40), (4, 16, 40), (1, 40, 60))


@dataclass(frozen=True)
class Case:
    """One row: `past` sessions before both sides; with `doubled` the noise of side B is twice that of A."""

    noise: Noise
    cells: int
    sessions: int
    past: int = 0
    doubled: bool = False


@dataclass(frozen=True)
class Row:
    """How many gates of the case were red, and the words that made them so."""

    case: Case
    gates: int
    red: int
    words: dict[str, int]

    @property
    def holds(self) -> bool:
        """Whether its bar is kept."""
        return self.red >= FOUND_BAR * self.gates if self.case.doubled else self.red < RED_BAR * self.gates


def cases() -> Iterator[Case]:
    """Yield what is measured: nothing changed, without and with a past, and a doubled spread."""
    for past in (0, 40):
        for noise in NOISES:
            for cells, sessions in SHAPES:
                yield Case(noise, cells, sessions, past)
    for noise in NOISES[:2]:
        for shape in DOUBLED:
            yield Case(noise, *shape, doubled=True)


def values(case: Case, rng: np.random.Generator) -> Array:
    """Return the values of one gate, oldest first: [cells, past + 2 * sessions]."""
    shape = case.cells, case.past + 2 * case.sessions
    noise = rng.normal(0, case.noise.cv, shape)
    if case.doubled:
        noise[:, -case.sessions :] *= TWICE
    bad = rng.random((1 if case.noise.together else case.cells, shape[1])) < case.noise.share
    return np.asarray(100 * np.exp(noise) * np.where(bad, case.noise.low, 1.0))


def alarms(case: Case, rng: np.random.Generator) -> tuple[str, ...]:
    """Judge one gate of the case and return the words that make it red."""
    points = points_of_cells(values(case, rng))
    first = case.past, case.past + case.sessions
    a, b = (Side(name, np.arange(at, at + case.sessions, dtype=np.int32)) for name, at in zip("ab", first, strict=True))
    found = judge(points, a, b, Policy())
    return tuple(sorted({verdict.word for verdict in found.verdicts if verdict.is_alarm}))


def row(case: Case, gates: int) -> Row:
    """Judge `gates` gates of the case."""
    rng, words = np.random.default_rng((SEED, case.cells, case.sessions, case.past)), dict[str, int]()
    red = 0
    for _ in range(gates):
        seen = alarms(case, rng)
        red += bool(seen)
        for word in seen:
            words[word] = words.get(word, 0) + 1
    return Row(case, gates, red, words)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print, return 0; 1 when a bar is not kept."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.noise_words", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--gates", type=positive, default=500, metavar="N", help="gates of each case (500)")
    add_json(parser)
    options = parser.parse_args(argv)
    with ProcessPoolExecutor(2) as pool:
        rows = list(pool.map(partial(row, gates=options.gates), cases()))
    print(json.dumps([asdict(one) for one in rows]) if options.json else "\n".join(map(_line, rows)))
    return 0 if all(one.holds for one in rows) else 1


def _line(one: Row) -> str:
    case, words = one.case, ", ".join(f"{word} {count}" for word, count in sorted(one.words.items()))
    what = f"{case.noise.name}{', then doubled' if case.doubled else ''}"
    shape = f"{case.cells:>2} cells, {case.sessions:>2} a side, {case.past:>2} before"
    mark = "" if one.holds else "  NOT KEPT"
    return f"{what:<52}{shape}  red {percent(one.red / one.gates, 1):>7}  {words}{mark}"


if __name__ == "__main__":
    raise SystemExit(main())
