from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab import store
from lab.core.errors import UsageError
from lab.core.fields import encode
from lab.formats.run_record import RunRecord, from_json, to_json
from lab.formats.test import Test
from lab.measure.engine import Rate
from lab.measure.lengths import LADDER, TRIAL, Asked, Step, lengths_for, repetition_s
from lab.measure.plan import LEAST_REPEATS
from tests.measure.bench import Bench

BUDGET_S = 120.0
SPEEDS = st.floats(0.5, 500)


def rate(prefill: float, decode: float) -> Rate:
    return Rate(2, prefill, decode)


def never() -> Step | None:
    raise AssertionError("nobody had to look")


def step(of: Rate, earlier: Callable[[], Step | None] = lambda: None) -> Step:
    found = lengths_for(of, BUDGET_S, earlier)
    return found.prompt, found.generate


@pytest.mark.parametrize(
    ("of", "expected"),
    [
        (rate(145, 26), (512, 128)),  # AVX-512 on two cores
        (rate(37, 12), (512, 128)),  # Zen 3 on two cores
        (rate(25.4, 10.5), (512, 128)),  # the same with older kernels
        (rate(12, 8), (256, 64)),
        (rate(9.7, 2.5), (128, 32)),  # kernels for x86-64-v2 on two cores of a Zen 5
        (rate(6, 4), (64, 16)),
        (rate(2, 1), (32, 8)),  # nothing is shorter
        (rate(0.01, 0.01), (32, 8)),
    ],
)
def test_the_step_of_a_machine(of: Rate, expected: Step) -> None:
    assert step(of) == expected


@pytest.mark.parametrize(("prefill", "prompt"), [(145, 512), (6, 128), (0.01, 32)])
def test_who_judges_texts_has_the_steps_of_the_prompt_alone(prefill: float, prompt: int) -> None:
    assert step(Rate(2, prefill, None)) == (prompt, 0)
    asked = Asked(judges=True)
    assert asked.cells((prompt, 0)) == (Test(prompt, 0),)
    assert (asked.trial, Asked().trial) == (Test(TRIAL.prompt, 0), TRIAL)
    assert Asked(prompt=(100, 200), depth=(0, 7), judges=True).names_lengths
    assert Asked((100, 200), (5,), (0,), judges=True).cells() == (Test(100, 0), Test(200, 0))


@given(SPEEDS, SPEEDS)
def test_the_least_repetitions_fit_into_the_budget_where_any_step_does(prefill: float, decode: float) -> None:
    of = rate(prefill, decode)
    found = step(of)
    assert found == LADDER[-1] or LEAST_REPEATS * repetition_s(found, of) <= BUDGET_S
    if found != LADDER[0]:
        longer = LADDER[LADDER.index(found) - 1]
        assert LEAST_REPEATS * repetition_s(longer, of) > BUDGET_S


@given(SPEEDS, SPEEDS, st.floats(0.9, 1.11))
def test_a_machine_that_varies_by_a_tenth_stays_on_its_step(prefill: float, decode: float, change: float) -> None:
    first = step(rate(prefill, decode))
    assert step(rate(prefill * change, decode * change), lambda: first) == first


@given(SPEEDS, SPEEDS, st.sampled_from(LADDER))
def test_an_earlier_step_never_takes_much_longer_than_the_budget(prefill: float, decode: float, before: Step) -> None:
    of = rate(prefill, decode)
    found = step(of, lambda: before)
    assert found == LADDER[-1] or LEAST_REPEATS * repetition_s(found, of) <= 1.25 * BUDGET_S


def test_an_earlier_step_is_left_when_the_machine_is_another() -> None:
    assert step(rate(145, 26), never) == (512, 128)
    assert step(rate(40, 20), lambda: (256, 64)) == (512, 128)
    assert step(rate(6, 4), lambda: (512, 128)) == (64, 16)
    assert step(rate(6, 4), lambda: (77, 7)) == (64, 16)  # an older ladder's


def test_what_was_named_is_never_changed() -> None:
    assert Asked((100,), None, (0, 64)).cells((256, 64)) == (Test(100, 64, 0), Test(100, 64, 64))
    assert Asked(None, (8, 16)).cells((256, 64)) == (Test(256, 8), Test(256, 16))
    assert Asked().cells() == (Test(512, 128),)
    assert Asked((100,), (8,)).names_lengths
    with pytest.raises(UsageError, match="--prompt 0"):
        Asked((0,)).cells()


def run(bench: Bench, asked: Asked) -> RunRecord:
    """The fake machine prefills 200 and decodes 50 tokens a second."""
    return bench.run(asked, cells=asked.cells())


def shapes(record: RunRecord) -> list[tuple[int, int]]:
    return [(cell.prompt, cell.generate) for cell in record.plan.cells]


def test_a_fast_machine_keeps_the_usual_lengths_and_the_trial_is_on_record(bench: Bench) -> None:
    record = run(bench, Asked())
    assert shapes(record) == [(512, 128)]
    assert encode(record.plan.lengths) == {
        "prompt": 512,
        "generate": 128,
        "prefill_tok_per_s": pytest.approx(200.0),
        "decode_tok_per_s": pytest.approx(50.0),
        "repetition_s": pytest.approx(560 / 200 + 140 / 50 + 1.5),
        "default_s": pytest.approx(560 / 200 + 140 / 50 + 1.5),
        "kept": False,
    }
    assert from_json(to_json(record), where="here") == record
    first, *rest = bench.calls()
    assert (first[first.index("--prompt") + 1], first[first.index("--warmup-cap") + 1]) == (str(TRIAL.prompt), "1")
    assert ["--verify" in words for words in (first, *rest)][:2] == [False, True]
    assert ("measure, about 14 s", 2, "repetitions") in bench.progress.phases


def test_a_slow_machine_gets_shorter_ones_and_is_told_why(bench: Bench) -> None:
    bench.script["decode_ms"] = [500] * 9
    record = run(bench, Asked())
    assert shapes(record) == [(128, 32)]
    assert [(cell.prompt, cell.generate, cell.status) for cell in record.cells] == [(128, 32, "ok")]
    assert bench.progress.notes[0] == (
        "128 + 32 tokens: 3 repetitions of 512 + 128 would take about 3 min 43 s here;"
        " --prompt and --generate name others"
    )


def test_named_lengths_need_no_trial(bench: Bench) -> None:
    bench.script["decode_ms"] = [500] * 9
    record = run(bench, Asked((8,), (20,)))
    assert shapes(record) == [(8, 20)]
    assert record.plan.lengths is None
    assert len(bench.calls()) == 2 + 1  # repetitions and memory pass


def test_a_trial_that_fails_chooses_nothing(bench: Bench) -> None:
    bench.faults["0"] = "sigsegv"
    record = run(bench, Asked())
    assert (record.status, shapes(record)) == ("ok", [(512, 128)])
    assert bench.progress.notes[0] == "trial pp32+tg5: killed by SIGSEGV: the last words"


def test_ctrl_c_in_the_trial_leaves_no_record_and_no_process(bench: Bench) -> None:
    bench.faults["0"] = "hang"
    with pytest.raises(KeyboardInterrupt), bench.ctrl_c_while_it_hangs():
        run(bench, Asked())
    assert bench.hanging_process_is_gone()
    assert store.entries() == []
