from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from statistics import mean, median

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from lab.formats.run_record import RunRecord
from lab.measure.enough import T975, half_width, repeats_for, standing
from lab.measure.plan import LEAST_REPEATS, MOST_REPEATS, USUAL_REPEATS, Plan, cells_of
from tests.measure.bench import Bench
from tests.measure.samples import QUIET, ScriptedDevice

PLAN = Plan(cells=cells_of(), repeats=LEAST_REPEATS, adapts=True)


def wanted(*samples: list[float], plan: Plan = PLAN, elapsed_s: float = 30.0) -> int:
    return repeats_for(standing(samples, len(samples[0])), plan, elapsed_s)


def test_the_table_is_student_s() -> None:
    assert [round(float(stats.t.ppf(0.975, n)), 3) for n in range(1, MOST_REPEATS)] == list(T975)


def test_three_that_agree_are_enough() -> None:
    assert wanted([100.0, 101.0, 99.5], [10.0, 10.1, 10.05]) == 3


def test_one_rate_that_varies_asks_for_as_many_as_bring_its_median_within_the_precision() -> None:
    assert wanted([100.0, 101.0, 99.5], [10.0, 10.3, 9.8]) == 5
    assert wanted([100.0, 101.0, 99.5], [10.0, 10.4, 9.7]) == 6
    assert wanted([100.0, 101.0, 99.5], [10.0, 10.6, 9.5]) == 10


def test_what_even_the_most_would_not_bring_within_it_gets_the_usual_number() -> None:
    assert wanted([10.0, 14.0, 8.0]) == USUAL_REPEATS
    assert wanted([10.0, 14.0, 8.0, 11.0, 13.0]) == USUAL_REPEATS


def test_none_begins_that_would_end_after_the_budget() -> None:
    noisy = [10.0, 10.6, 9.5]
    assert [wanted(noisy, elapsed_s=s) for s in (30.0, 72.0, 89.9, 90.1, 500.0)] == [10, 5, 4, 3, 3]


def test_without_numbers_there_is_no_end_before_the_usual_number() -> None:
    assert repeats_for(standing([[], []], 3), PLAN, 1.0) == USUAL_REPEATS
    assert repeats_for(standing([[10.0], [20.0]], 3), PLAN, 1.0) == USUAL_REPEATS


def test_a_number_that_was_named_is_kept_whatever_the_spread() -> None:
    assert wanted([10.0, 14.0, 8.0], plan=replace(PLAN, adapts=False, repeats=7)) == 7


@given(st.lists(st.floats(1, 1000), min_size=3, max_size=MOST_REPEATS), st.floats(0.01, 1000))
def test_it_never_asks_for_less_than_is_done_nor_for_more_than_the_most(values: list[float], elapsed_s: float) -> None:
    assert len(values) <= wanted(values, elapsed_s=elapsed_s) <= MOST_REPEATS


@pytest.mark.parametrize("spread", [0.005, 0.01, 0.02, 0.03])
def test_the_median_is_as_near_to_the_truth_as_the_plan_says(spread: float) -> None:
    """Normal noise: of 1000 sessions that stopped because they knew enough, 95 % are within 5 % of the truth."""
    draw, off = random.Random(1), []
    for _ in range(1000):
        values, planned = [], LEAST_REPEATS
        while len(values) < planned:
            values.append(draw.gauss(100, 100 * spread))
            planned = wanted(values, elapsed_s=1.0)
        if half_width(values) <= PLAN.measure.precision:
            off.append(abs(median(values) - 100) > 5)
    assert len(off) > 900
    assert mean(off) < 0.05


def numbers(record: RunRecord) -> list[float | None]:
    return [row.decode_tok_per_s for row in record.cells[0].repetitions]


def test_a_session_that_knows_enough_ends(bench: Bench) -> None:
    record = bench.run(repeats=3, adapts=True)
    assert (record.status, record.plan.repeats, len(numbers(record))) == ("ok", 3, 3)
    assert record.plan.adapts is True
    assert bench.progress.phases.count(("measure", 3, "repetitions")) == 1


def test_a_session_that_does_not_goes_on_and_says_why(bench: Bench) -> None:
    bench.script["decode_ms"] = [20, 20.6, 19.5, 20.7, 20.1]
    record = bench.run(repeats=3, adapts=True)
    rows = record.cells[0].repetitions
    assert (record.status, record.plan.repeats, len(rows)) == ("ok", 5, 5)
    assert [(row.index, row.order) for row in rows] == [(n, n) for n in range(5)]
    assert ("measure 2 more, for ±5 %", 2, "repetitions") in bench.progress.phases
    assert bench.progress.notes[-1].startswith("pp8+tg20 5/5: ")


def test_cells_take_turns_on_the_second_leg_too(bench: Bench) -> None:
    bench.script["decode_ms"] = [20, 20, 20.6, 20, 19.5, 20, 20.7, 20, 20.1, 20]
    record = bench.run(cells=cells_of([8, 16], [20], [0]), repeats=3, adapts=True)
    assert [[row.order for row in cell.repetitions] for cell in record.cells] == [[0, 2, 4, 6, 8], [1, 3, 5, 7, 9]]


def test_a_number_that_was_named_stays(bench: Bench) -> None:
    bench.script["decode_ms"] = [20, 30]
    assert len(numbers(bench.run())) == 2


def test_a_goal_that_moves_away_is_given_up(bench: Bench) -> None:
    """After three it seems that nine are enough, after four that they are not: five it is, and not nine."""
    bench.script["decode_ms"] = [20, 20.9, 19, 30, 20]
    record = bench.run(repeats=3, adapts=True)
    assert [note.partition(":")[0] for note in bench.progress.notes] == [
        "pp8+tg20 1/3",
        "pp8+tg20 2/3",
        "pp8+tg20 3/3",
        "pp8+tg20 4/9",
        "pp8+tg20 5/5",
    ]
    assert (record.status, record.plan.repeats) == ("ok", 5)
    assert [phase for phase in bench.progress.phases if phase[0].startswith("measure")] == [
        ("measure", 3, "repetitions"),
        ("measure 6 more, for ±5 %", 6, "repetitions"),
        ("measure 1 more, for ±5 %", 1, "repetitions"),
    ]


def test_crashes_end_after_the_usual_number(bench: Bench) -> None:
    bench.faults["*"] = "sigsegv"
    record = bench.run(repeats=3, adapts=True)
    assert Counter(row.status for row in record.cells[0].repetitions) == {"failed": USUAL_REPEATS}
    assert (record.status, record.plan.repeats) == ("failed", USUAL_REPEATS)


def test_a_machine_that_stays_busy_is_not_waited_for_each_time(bench: Bench) -> None:
    bench.device = ScriptedDevice(lambda count: {**QUIET, "busy_fraction": 0.9})
    record = bench.run(repeats=3, adapts=True, gate_timeout_s=15.0)
    gates = [row.gate for row in record.cells[0].repetitions]
    assert [(gate.kept, gate.waited_s) for gate in gates if gate] == [(False, 15.0), (False, 15.0), (False, 0.0)]


def test_it_is_where_a_number_was_named(bench: Bench) -> None:
    bench.device = ScriptedDevice(lambda count: {**QUIET, "busy_fraction": 0.9})
    gates = [row.gate for row in bench.run(repeats=3).cells[0].repetitions]
    assert [gate.waited_s for gate in gates if gate] == [15.0] * 3
