from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from lab.analysis.compare.runs import Comparison, Row, compare
from lab.analysis.marks import judge
from tests.analysis.documents import DOCUMENT, MODEL, cell, failed_repetition, record

STEADY = (9.9, 10.0, 10.0, 10.1, 10.0)


def against(decodes: Sequence[float], **changes: Any) -> Comparison:
    base = record(cells=[cell(STEADY, [50.0] * 5)])
    other = record(run_id="20261124-210000-ab12ce", cells=[cell(decodes, [50.0] * 5)], **changes)
    return compare(base, other)


def row(found: Comparison, metric: str) -> Row:
    return next(row for row in found.rows if row.metric == metric)


def test_a_fifth_slower_is_slower_but_unproven() -> None:
    found = row(against([d * 0.8 for d in STEADY]), "decode_tok_per_s")
    assert found.mark == "slower"
    assert found.ratio == pytest.approx(0.8)
    assert found.interval is not None
    assert found.interval[0] < 0.8 < found.interval[1]
    assert not found.proven
    assert found.reason == "unproven: 1 session a side"


def test_direction_is_that_of_the_metric() -> None:
    found = against([d * 1.25 for d in STEADY])
    assert row(found, "decode_tok_per_s").mark == "faster"
    assert row(found, "itl_p50_s").mark == "faster"
    assert row(found, "itl_p50_s").ratio == pytest.approx(0.8)


def test_the_same_numbers_are_the_same() -> None:
    found = against(STEADY)
    assert {one.mark for one in found.rows} == {"same"}
    assert found.exit_code == 0


def test_a_difference_within_wide_noise_is_unproven() -> None:
    found = row(against([7.0, 9.0, 10.5, 12.0, 9.5]), "decode_tok_per_s")
    assert found.mark == "unproven"


def test_one_session_a_side_never_fails_for_speed_alone() -> None:
    assert against([d * 0.5 for d in STEADY]).exit_code == 0


@pytest.mark.parametrize(
    ("ratio", "interval", "mark"),
    [
        (1.0, (0.96, 1.04), "same"),
        (1.03, (1.01, 1.05), "same"),
        (1.04, (1.02, 1.07), "unproven"),  # a difference, but below the floor and perhaps above it
        (1.10, (1.06, 1.14), "faster"),
        (1.10, (0.99, 1.20), "unproven"),
        (0.90, (0.88, 0.93), "slower"),
        (None, None, "unproven"),
    ],
)
def test_words_for_a_rate(ratio: float | None, interval: tuple[float, float] | None, mark: str) -> None:
    assert judge("decode_tok_per_s", ratio, interval, 0.05) == mark


def test_memory_is_bigger_or_smaller() -> None:
    assert judge("rss_peak_bytes", 1.2, (1.2, 1.2), 0.05) == "bigger"
    assert judge("rss_peak_bytes", 0.8, (0.8, 0.8), 0.05) == "smaller"


def broken_cell() -> dict[str, Any]:
    return {**cell(), "status": "failed", "repetitions": [failed_repetition(0, "killed by SIGSEGV")]}


def test_a_cell_that_broke_is_found_and_is_a_regression() -> None:
    found = compare(record(), record(cells=[broken_cell()]))
    assert [(one.mark, one.reason) for one in found.rows] == [("broke", "B: failed (killed by SIGSEGV)")]
    assert found.rows[0].proven
    assert found.exit_code == 3


def test_the_way_back_is_fixed() -> None:
    found = compare(record(cells=[broken_cell()]), record())
    assert [one.mark for one in found.rows] == ["fixed"]
    assert found.exit_code == 0


def test_missing_and_new_cells() -> None:
    found = compare(record(cells=[cell(), cell(depth=64)]), record(cells=[cell(), cell(depth=128)]))
    marks = {(one.cell.depth, one.mark) for one in found.rows if one.metric is None}
    assert marks == {(64, "missing"), (128, "new")}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"protocol": {**DOCUMENT["protocol"], "version": 2}}, "protocol 1 against 2"),
        ({"model": {**MODEL, "layers": 2}}, "the whole model against 2 of 32 layers"),
        ({"device": {**DOCUMENT["device"], "emulated": True}}, "a real one against an emulated device"),
    ],
)
def test_unlike_runs_are_not_compared(changes: dict[str, Any], reason: str) -> None:
    found = compare(record(), record(**changes))
    assert found.obstacle == reason
    assert {one.mark for one in found.rows} == {"not-comparable"}
    assert found.exit_code == 5


def test_emulated_runs_are_compared_only_when_asked() -> None:
    emulated = {**DOCUMENT["device"], "emulated": True}
    a, b = record(device=emulated), record(device=emulated)
    assert compare(a, b).exit_code == 5
    assert "--emulated" in str(compare(a, b).obstacle)
    assert compare(a, b, emulated=True).exit_code == 0


def test_two_memory_counters_are_not_one_series() -> None:
    other = cell()
    for repetition in other["repetitions"]:
        repetition["rss_peak_counter"] = "VmRSS+VmSwap"
    found = compare(record(), record(cells=[other]))
    memory = row(found, "rss_peak_bytes")
    assert (memory.mark, memory.ratio, memory.interval) == ("not-comparable", None, None)
    assert memory.reason == "two counters: VmHWM against VmRSS+VmSwap"
    assert row(found, "decode_tok_per_s").ratio == 1.0


def test_a_swapping_cell_is_held_out() -> None:
    other = cell()
    other["repetitions"][0]["swap_bytes"] = 1 << 20
    found = compare(record(), record(cells=[other]))
    assert [(one.mark, one.reason) for one in found.rows] == [("not-comparable", "swapped in B")]


def test_another_share_of_the_processor_is_noted() -> None:
    """A container with half a CPU against the whole machine."""
    facts = {**DOCUMENT["device"]["facts"], "cpu_quota_cores": 0.5}
    device = {**DOCUMENT["device"], "facts": facts}
    found = compare(record(), record(run_id="20261124-210000-ab12ce", device=device))
    assert "CPU quota: none against 0.5" in found.notes


def test_what_differs_is_noted_and_another_device_is_allowed() -> None:
    device = {**DOCUMENT["device"], "serial_hash": "feedfeedfeedfeed"}
    engine = {**DOCUMENT["engine"], "threads": 1}
    found = compare(record(), record(run_id="20261124-210000-ab12ce", device=device, engine=engine))
    assert found.obstacle is None
    assert "threads: 2 against 1" in found.notes
    assert any(note.startswith("device: ") for note in found.notes)


def test_a_run_against_itself_is_said_to_be_that() -> None:
    assert compare(record(), record()).notes == ("A and B are the same run",)
