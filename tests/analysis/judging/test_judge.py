"""Words for sides whose truth is known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from lab.analysis.judging.confirm import confirmed
from lab.analysis.judging.floors import learn_floors
from lab.analysis.judging.judge import Policy, judge
from lab.analysis.judging.verdict import Verdict
from lab.analysis.points.key import SeriesKey
from lab.analysis.points.table import Points
from lab.core.errors import MeasureError, NotComparableError, StoreError
from lab.formats import calibration
from tests.analysis.judging.histories import RATE, key, points, side

A, B = side("old", 0, 6), side("new", 6, 12)


def noisy(ratio: float = 1.0, seed: int = 0, cv: float = 0.01, many: int = 12) -> np.ndarray:
    values = 10 * np.exp(np.random.default_rng(seed).normal(0, cv, many))
    values[many // 2 :] *= ratio
    return values


def only(of: Points, **policy: Any) -> Verdict:
    (verdict,) = judge(of, A, B, Policy(**policy)).verdicts
    return verdict


@pytest.mark.parametrize(
    ("metric", "ratio", "word"),
    [
        (RATE, 0.8, "slower"),
        (RATE, 1.25, "faster"),
        (RATE, 1.0, "same"),
        ("ttft_s", 1.25, "slower"),
        ("ttft_s", 0.8, "faster"),
        ("rss_peak_bytes", 1.25, "bigger"),
        ("rss_peak_bytes", 0.8, "smaller"),
    ],
)
def test_a_change_has_its_word(metric: str, ratio: float, word: str) -> None:
    verdict = only(points({key(metric=metric): noisy(ratio)}))
    assert verdict.word == word
    assert verdict.ratio == pytest.approx(ratio, abs=0.02)
    assert verdict.interval is not None
    assert verdict.interval[0] < verdict.ratio < verdict.interval[1]
    assert (verdict.sessions_a, verdict.sessions_b) == (6, 6)


def test_memory_that_repeats_to_the_byte_is_judged() -> None:
    assert only(points({key(metric="rss_peak_bytes"): [1000.0] * 6 + [1100.0] * 6})).word == "bigger"


def test_one_session_a_side_proves_nothing_and_says_what_would() -> None:
    found = judge(points({key(): [10.0, 5.0]}), side("a", 0, 1), side("b", 1, 2), Policy())
    assert found.verdicts[0].word == "unproven"
    assert found.verdicts[0].needed is not None
    assert found.exit_code == 0


def test_a_change_under_its_floor_is_no_alarm_and_a_learned_floor_makes_it_one() -> None:
    history = points({key(): noisy(0.97, cv=0.002)})
    assert only(history).word == "same"
    assert only(history, floors={("box", RATE): 0.01}).word == "slower"


def test_a_difference_that_may_be_chance_is_unproven() -> None:
    verdict = only(points({key(): noisy(0.93, cv=0.08, seed=3)}))
    assert verdict.word == "unproven"
    assert "more sessions per side" in verdict.reason


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"protocol": "2"}, "measured by different rules: 1 and 2"),
        ({"layers": 2}, "different depth: the whole model and 2 of 32 layers"),
        ({"emulated": True}, "an emulated device compared with a real one"),
    ],
)
def test_what_does_not_measure_the_same_is_refused_in_words(change: dict[str, Any], words: str) -> None:
    blank = np.full(6, np.nan)
    of = points({key(): noisy()[:6], key(**change): np.concatenate([blank, noisy()[6:]])})
    verdict = only(of)
    assert (verdict.word, verdict.ratio) == ("not-comparable", None)
    assert words in verdict.reason
    assert judge(of, A, B, Policy()).exit_code == 5


def test_two_counters_of_memory_are_not_one() -> None:
    blank = np.full(6, np.nan)
    one, two = (key(metric="rss_peak_bytes", counter=counter) for counter in ("VmHWM", "PSS"))
    verdict = only(points({one: noisy()[:6], two: np.concatenate([blank, noisy()[6:]])}))
    assert (verdict.word, verdict.reason) == ("not-comparable", "two memory counters: VmHWM and PSS")


def test_emulated_devices_are_compared_only_when_asked() -> None:
    of = points({key(emulated=True): noisy()})
    assert only(of).word == "not-comparable"
    assert only(of, emulated=True).word == "same"


def test_series_under_different_conditions_are_never_averaged() -> None:
    of = points({key(threads=1): noisy(), key(threads=4): noisy(0.7) * 3})
    found = judge(of, A, B, Policy())
    assert sorted(verdict.word for verdict in found.verdicts) == ["same", "slower"]


def test_another_number_of_threads_is_a_note() -> None:
    blank = np.full(6, np.nan)
    of = points({key(threads=1): noisy()[:6], key(threads=4): np.concatenate([blank, noisy()[6:]])})
    assert judge(of, A, B, Policy()).notes == ("threads 1 -> 4",)


def test_what_strangers_wrote_comes_without_control_characters() -> None:
    blank = np.full(6, np.nan)
    of = points({key(): noisy()[:6], key(effective="cpu\x1b[31m"): np.concatenate([blank, noisy()[6:]])})
    assert judge(of, A, B, Policy()).notes == ("backend cpu -> cpu[31m",)


def test_engines_are_compared_across_cells_when_that_is_the_purpose() -> None:
    blank = np.full(6, np.nan)
    of = points({key(): noisy()[:6], key(cell={"engine": "llama.cpp"}): np.concatenate([blank, noisy(0.5)[6:]])})
    assert {verdict.word for verdict in judge(of, A, B, Policy()).verdicts} == {"missing", "new"}
    assert only(of, across=("engine",)).word == "slower"


def test_cells_that_broke_are_fixed_missing_or_new() -> None:
    here = noisy()
    gone, back = here.copy(), here.copy()
    gone[6:], back[:6] = np.nan, np.nan
    failed: dict[SeriesKey, dict[int, str]] = {
        key(1): dict.fromkeys(range(6, 12), "wrong_output"),
        key(2): dict.fromkeys(range(6), "failed"),
    }
    of = points({key(1): gone, key(2): back, key(3): gone, key(4): back}, status=failed)
    words = {verdict.cell.prompt: verdict.word for verdict in judge(of, A, B, Policy()).verdicts}
    assert words == {1: "broke", 2: "fixed", 3: "missing", 4: "new"}


def test_a_gpu_that_fell_back_and_sessions_that_swapped() -> None:
    flags = {key(1): dict.fromkeys(range(8, 12), "fell_back"), key(2): dict.fromkeys(range(6), "swapped")}
    of = points({key(1): noisy(), key(2): noisy()}, flags=flags)
    found = {verdict.cell.prompt: verdict for verdict in judge(of, A, B, Policy()).verdicts}
    assert (found[1].word, found[2].word) == ("fell-back", "not-comparable")
    assert "4 of 6" in found[1].reason
    assert found[2].reason == "swapped in the baseline"


def turns(ratio: float, lost: tuple[int, ...] = (), memory: float = 0.0) -> tuple[Points, Any, Any, Any]:
    """Ten pairs in turns; sessions `lost` gave no number, and a wave that neighbours share is `memory` deep."""
    turn = np.tile([0, 1, 1, 0], 5)
    values = noisy(many=20)
    values[10:] = noisy(many=20)[10:]
    values = np.where(turn == 1, values * ratio, values) * np.repeat(1 + memory * np.sin(np.arange(10)), 2)
    values[list(lost)] = np.nan
    both = [
        replace(side("", 0, 20), label=name, runs=np.flatnonzero(turn == at).astype(np.int32))
        for at, name in ((0, "a"), (1, "b"))
    ]
    return points({key(): values}), both[0], both[1], np.arange(20, dtype=np.int32)


@pytest.mark.parametrize(("again", "word"), [(0.8, "slower"), (1.0, "same"), (1.25, "same")])
def test_a_suspicion_is_confirmed_or_not(again: float, word: str) -> None:
    verdict = only(points({key(): noisy(0.8)}))
    found = confirmed(verdict, *turns(again), Policy(), 1)
    assert found.confirmed is (again == 0.8)
    assert found.word == word or (again > 1 and found.word == "unproven")


def test_a_failed_session_leaves_the_other_pairs_together() -> None:
    """Neighbours share a wave that is much larger than the loss: one place off, and the pairs say nothing."""
    verdict = only(points({key(): noisy(0.8)}))
    found = confirmed(verdict, *turns(0.9, lost=(0,), memory=0.4), Policy(), 1)
    assert (found.word, found.confirmed) == ("slower", True)
    assert "in 9 pairs" in found.reason


def test_many_suspects_share_the_level() -> None:
    verdict = only(points({key(): noisy(0.8)}))
    one, many = (confirmed(verdict, *turns(0.93), Policy(), suspects) for suspects in (1, 10**9))
    assert (one.confirmed, many.confirmed) == (True, False)


def test_pairs_that_are_too_few_leave_the_verdict() -> None:
    verdict = only(points({key(): noisy(0.8)}))
    found = confirmed(verdict, *turns(0.8, lost=tuple(range(0, 14, 2))), Policy(), 1)
    assert (found.word, found.confirmed) == ("slower", None)
    assert "3 pairs of sessions are too few" in found.reason


def shaky(ratio: float = 1.0) -> Points:
    """Side B varies by 60 %, side A by 0.1 %."""
    steady = 10 * np.exp(np.random.default_rng(0).normal(0, 0.001, 12))
    steady[6:] *= ratio * np.exp(0.3 * np.array([1, -1, 1, -1, 1, -1]))
    return points({key(): steady})


def test_noise_that_doubled_is_a_word_only_where_nothing_worse_may_be_said() -> None:
    assert only(shaky()).word == "noisier"
    likely = only(shaky(0.8))
    assert likely.word == "unproven"
    assert "times as large" in likely.reason


def test_another_engine_is_not_noisier() -> None:
    blank = np.full(6, np.nan)
    values = shaky().value
    other = key(cell={"engine": "llama.cpp"})
    of = points({key(): np.concatenate([values[:6], blank]), other: np.concatenate([blank, values[6:]])})
    assert only(of, across=("engine",)).word in ("same", "unproven")


def test_floors_are_learned_stored_and_read(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_HOME", str(tmp_path))
    of = points({key(p): noisy(cv=0.02, seed=p, many=20) for p in range(1, 11)})
    learned = learn_floors(of, side("aa", 0, 20))
    assert learned.floors[0].fraction == pytest.approx(0.02, rel=0.25)
    path = calibration.save(learned)
    assert calibration.load(path) == learned
    assert calibration.load_floors() == {("box", RATE): learned.floors[0].fraction}
    path.write_text(path.read_text().replace('"box"', '"bax"'))
    with pytest.raises(StoreError, match="sha256"):
        calibration.load_floors()


def test_too_few_or_mixed_sessions_teach_no_floor() -> None:
    of = points({key(): noisy()}, bundle=["k"] * 8 + ["other"] * 4)
    with pytest.raises(MeasureError, match=r"8 A/A sessions .* and 10 are needed"):
        learn_floors(of, side("aa", 0, 8))
    with pytest.raises(NotComparableError, match="not of one build"):
        learn_floors(of, side("aa", 0, 12))
