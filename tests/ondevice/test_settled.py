"""The rule that ends a warm-up, by series that were recorded (warmups/) and by made-up ones whose answer is known."""

from __future__ import annotations

import json
import math
import random
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from scipy import stats

from lab.core.proc import run
from lab.ondevice.build import FLAGS, SOURCES
from lab.ondevice.compilers import build_env, compilers

HERE = Path(__file__).parent
RECORDED = sorted((HERE / "warmups").glob("*.json"))
MS = 1_000_000
SPREADS = (0.05, 0.1)  # the default, and that of target local
CAP = 6


@dataclass(frozen=True)
class Ended:
    """How the warm-up ended, and the trend of all of its steps."""

    count: int
    stable: bool
    change: float
    score: float


Play = Callable[[Sequence[Sequence[float]]], list[Ended]]


@pytest.fixture(scope="module")
def harness(tmp_path_factory: pytest.TempPathFactory) -> Path:
    binary, compiler = tmp_path_factory.mktemp("settled") / "harness", compilers("x86_64-linux-gnu")[0]
    sources = [str(HERE / "settled_harness.cc"), str(SOURCES / "settled.cc")]
    with build_env(compiler) as env:
        argv = [*compiler.argv, *FLAGS, f"-I{SOURCES}", *sources, "-o", str(binary)]
        run(argv, timeout_s=300, env=env, check=True)
    return binary


def play(harness: Path, series: Sequence[Sequence[float]], spread: float = 0.05, cap: int = CAP) -> list[Ended]:
    """Play series of milliseconds; see settled_harness.cc."""
    lines = (f"{spread} {cap} " + " ".join(str(round(ms * MS)) for ms in steps) for steps in series)
    done = subprocess.run([harness], input="\n".join(lines), capture_output=True, text=True, check=True, timeout=60)
    rows = [line.split() for line in done.stdout.splitlines()]
    return [Ended(int(count), stable == "1", float(change), float(score)) for count, stable, change, score in rows]


def steps_of(path: Path) -> list[list[float]]:
    """The decode steps of a recorded process, in rounds."""
    rounds: list[list[float]] = json.loads(path.read_text())["decode_ms"]
    return rounds


def begun_anywhere(rounds: list[list[float]]) -> list[list[float]]:
    """The same record as warm-ups that began with any of its rounds, as far as the cap allows."""
    return [[ms for steps in rounds[at : at + CAP] for ms in steps] for at in range(len(rounds) - CAP + 1)]


def noisy(seed: int, spread: float, ms: Callable[[int], float], count: int = 4 * CAP) -> list[float]:
    draw = random.Random(seed)
    return [ms(i) * math.exp(draw.gauss(0, spread)) for i in range(count)]


def made(spread: float, ms: Callable[[int], float], series: int = 200, count: int = 4 * CAP) -> list[list[float]]:
    return [noisy(seed, spread, ms, count) for seed in range(series)]


def share(found: Sequence[bool]) -> float:
    return sum(found) / len(found)


def alike(rounds: list[list[float]], spread: float) -> bool:
    """The rule that this one took the place of: means of three rounds within the spread of the smallest."""
    means = [sum(steps) / len(steps) for steps in rounds]
    return max(means) <= min(means) * (1 + spread)


@pytest.mark.parametrize("spread", SPREADS)
@pytest.mark.parametrize("path", [path for path in RECORDED if "quiet" in path.name], ids=lambda path: path.stem)
def test_a_quiet_machine_is_warm_after_three_rounds(harness: Path, path: Path, spread: float) -> None:
    ended = play(harness, begun_anywhere(steps_of(path)), spread)
    assert [(one.count, one.stable) for one in ended] == [(3, True)] * len(ended)


@pytest.mark.parametrize("spread", SPREADS)
@pytest.mark.parametrize("path", [path for path in RECORDED if "quiet" not in path.name], ids=lambda path: path.stem)
def test_a_neighbour_who_comes_and_goes_is_no_cold_engine(harness: Path, path: Path, spread: float) -> None:
    ended = play(harness, begun_anywhere(steps_of(path)), spread)
    assert all(one.stable for one in ended)
    assert sum(one.count for one in ended) / len(ended) <= 3.5


def test_the_rule_before_found_fault_with_most_of_these() -> None:
    verdicts = [alike(rounds[at : at + 3], 0.05) for rounds in map(steps_of, RECORDED) for at in range(len(rounds) - 2)]
    assert share(verdicts) < 0.4


@pytest.mark.parametrize("spread", [0.01, 0.02, 0.05, 0.1])
def test_noise_without_a_trend_is_warm(harness: Path, spread: float) -> None:
    ended = play(harness, made(spread, lambda i: 45.0, 500))
    assert all(one.stable for one in ended)
    assert share([one.count == 3 for one in ended]) > 0.985


@pytest.mark.parametrize("a_step", [-0.04, -0.02, 0.02, 0.04])
def test_what_still_changes_at_the_cap_is_told(harness: Path, a_step: float) -> None:
    ended = play(harness, made(0.02, lambda i: 45 * math.exp(a_step * i)))
    assert share([not one.stable and one.count == CAP for one in ended]) > 0.95


@pytest.mark.parametrize("decay", [3, 6])  # steps
def test_a_cold_start_is_waited_for(harness: Path, decay: float) -> None:
    """It begins at twice the time of a step, and comes down by the factor e in so many of them."""
    ended = play(harness, made(0.02, lambda i: 45 * (1 + math.exp(-i / decay)), count=32), cap=8)
    assert all(one.count > 3 for one in ended)
    assert all(math.exp(-4 * one.count / decay) < 0.05 for one in ended if one.stable)
    assert share([one.stable for one in ended]) > 0.9


@pytest.mark.parametrize("decay", [12, 24])
def test_a_start_that_is_too_cold_for_the_cap_is_told(harness: Path, decay: float) -> None:
    ended = play(harness, made(0.02, lambda i: 45 * (1 + math.exp(-i / decay))))
    assert share([one.stable for one in ended]) < 0.05


def test_single_steps_that_are_late_are_no_trend(harness: Path) -> None:
    first = made(0.02, lambda i: 450.0 if i == 0 else 45.0)
    last = made(0.02, lambda i: 450.0 if i == 11 else 45.0)
    ended = play(harness, [*first, *last])
    assert all(one.stable for one in ended)
    assert share([one.count == 3 for one in ended]) > 0.97


def test_a_level_that_moved_once_is_past(harness: Path) -> None:
    assert all(one.stable for one in play(harness, made(0.02, lambda i: 55.0 if i < 6 else 34.0)))


def test_fewer_than_three_rounds_are_not_enough_and_a_spread_of_zero_leaves_it_to_the_cap(harness: Path) -> None:
    still = [[45.0] * 40]
    assert [(one.count, one.stable) for one in play(harness, still, cap=2)] == [(2, False)]
    assert [(one.count, one.stable) for one in play(harness, still, spread=0, cap=9)] == [(9, False)]
    assert [(one.count, one.stable) for one in play(harness, still)] == [(3, True)]


def everything() -> Iterator[list[float]]:
    for path in RECORDED:
        yield [ms for steps in steps_of(path) for ms in steps][:24]
    for seed in range(50):
        yield noisy(seed, 0.1, lambda i: 45.0 * 0.97**i, 4 + seed % 21)


def test_trend_and_score_are_those_of_scipy(harness: Path) -> None:
    series = [[round(ms * MS) / MS for ms in steps] for steps in everything()]
    for steps, found in zip(series, play(harness, series), strict=True):
        n, logs = len(steps), [math.log(ms) for ms in steps]
        assert found.change == pytest.approx(math.expm1(stats.theilslopes(logs)[0] * (n - 1)), rel=1e-9)
        if len(set(steps)) == n:  # tau-b and S are one only without ties
            rises = abs(stats.kendalltau(range(n), steps).statistic) * n * (n - 1) / 2
            sd = math.sqrt(n * (n - 1) * (2 * n + 5) / 18)
            assert found.score == pytest.approx(max(rises - 1, 0) / sd, rel=1e-9, abs=1e-12)


def test_the_unit_of_time_does_not_matter(harness: Path) -> None:
    series = list(everything())
    tenfold = [[10 * ms for ms in steps] for steps in series]
    verdicts = [[(one.count, one.stable) for one in play(harness, each)] for each in (series, tenfold)]
    assert verdicts[0] == verdicts[1]
