"""Two single runs, judged as any two sides are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from lab.analysis.comparable import EMULATED
from lab.analysis.compare.axis import Table
from lab.analysis.compare.runs import compare_runs
from lab.analysis.judging.judge import Policy
from lab.analysis.judging.verdict import Verdict
from lab.analysis.points.key import STATUS
from lab.analysis.run.stats import ratio_interval
from lab.formats.run_record import RunRecord
from tests.analysis.documents import DOCUMENT, MODEL, cell, failed_repetition, record

STEADY = (9.9, 10.0, 10.0, 10.1, 10.0)
SECOND = "20261124-210000-ab12ce"


def compare(a: RunRecord, b: RunRecord, *, emulated: bool = False) -> Table:
    return compare_runs(a, b, Policy(emulated=emulated))


def verdicts(found: Table) -> list[Verdict]:
    return [verdict for row in found.rows for verdict in row.verdicts.values()]


def whole(found: Table) -> list[tuple[str, str]]:
    return [(one.word, one.reason) for one in verdicts(found) if one.cell.metric == STATUS]


def of(found: Table, metric: str) -> Verdict:
    return next(verdict for verdict in verdicts(found) if verdict.cell.metric == metric)


def within(found: Table, metric: str) -> tuple[float, float] | None:
    return next(row.within for row in found.rows if row.cell.metric == metric)


def against(decodes: Sequence[float], **changes: Any) -> Table:
    base = record(cells=[cell(STEADY, [50.0] * 5)])
    return compare(base, record(run_id=SECOND, cells=[cell(decodes, [50.0] * 5)], **changes))


@pytest.mark.parametrize("times", [0.5, 0.8, 1.25, 1.0])
def test_one_session_a_side_proves_no_difference_in_speed(times: float) -> None:
    found = against([d * times for d in STEADY])
    assert {one.word for one in verdicts(found)} == {"unproven"}
    assert of(found, "decode_tok_per_s").ratio == pytest.approx(times)
    assert of(found, "itl_p50_s").ratio == pytest.approx(1 / times)
    assert found.exit_code == 0


def test_the_interval_within_the_session_is_that_of_its_repetitions() -> None:
    slower = [7.9, 8.0, 8.1, 8.0, 8.2]
    found = against(slower)
    assert within(found, "decode_tok_per_s") == ratio_interval(STEADY, slower)
    verdict = of(found, "decode_tok_per_s")
    assert verdict.interval is None  # nobody knows what varies between sessions
    assert verdict.needed is not None


def test_too_few_repetitions_have_no_interval() -> None:
    short = record(cells=[cell(STEADY[:2], [50.0] * 2)])
    assert within(compare(record(), short), "decode_tok_per_s") is None


def test_peak_memory_is_one_number_a_session() -> None:
    found = against(STEADY)
    assert (of(found, "rss_peak_bytes").ratio, within(found, "rss_peak_bytes")) == (1.0, None)


def test_a_cell_that_broke_is_found_and_is_a_regression() -> None:
    broken = {**cell(), "status": "failed", "repetitions": [failed_repetition(0, "killed by SIGSEGV")]}
    found = compare(record(), record(run_id=SECOND, cells=[broken]))
    assert whole(found) == [("broke", "candidate: failed (killed by SIGSEGV)")]
    assert found.exit_code == 3
    assert whole(compare(record(cells=[broken]), record(run_id=SECOND))) == [
        ("fixed", "baseline: failed (killed by SIGSEGV)")
    ]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"protocol": {**DOCUMENT["protocol"], "version": 2}}, "measured by different rules: 1 and 2"),
        ({"model": {**MODEL, "layers": 2}}, "different depth: the whole model and 2 of 32 layers"),
        ({"device": {**DOCUMENT["device"], "emulated": True}}, "an emulated device compared with a real one"),
    ],
)
def test_unlike_runs_are_not_compared(changes: dict[str, Any], reason: str) -> None:
    a, b = record(cells=[cell(), cell(depth=64)]), record(run_id=SECOND, **changes)
    for found in (compare(a, b), compare(b, a)):  # a test that only one has is neither missing nor new
        assert {word for word, _ in whole(found)} == {"not-comparable"}
        assert found.exit_code == 5
    assert {why for _, why in whole(compare(a, b))} == {reason}


def test_emulated_runs_are_compared_only_when_asked() -> None:
    emulated = {**DOCUMENT["device"], "emulated": True}
    a, b = record(device=emulated), record(run_id=SECOND, device=emulated)
    assert compare(a, b).exit_code == 5
    assert whole(compare(a, b))[0][1] == EMULATED
    assert compare(a, b, emulated=True).exit_code == 0


def test_two_memory_counters_are_not_one_series() -> None:
    other = cell()
    other["memory"]["counter"] = "VmRSS+VmSwap"
    found = compare(record(), record(run_id=SECOND, cells=[other]))
    memory = of(found, "rss_peak_bytes")
    assert (memory.word, memory.ratio) == ("not-comparable", None)
    assert memory.reason == "two memory counters: VmHWM and VmRSS+VmSwap"
    assert of(found, "decode_tok_per_s").ratio == 1.0


def test_another_share_of_the_processor_is_noted() -> None:
    """A container with half a CPU against the whole machine."""
    facts = {**DOCUMENT["device"]["facts"], "cpu_quota_cores": 0.5}
    found = against(STEADY, device={**DOCUMENT["device"], "facts": facts})
    assert "CPU quota none -> 0.5" in found.notes[SECOND]


def test_what_differs_is_noted_and_another_device_is_allowed() -> None:
    device = {**DOCUMENT["device"], "serial_hash": "feedfeedfeedfeed"}
    found = against(STEADY, device=device, engine={**DOCUMENT["engine"], "threads": 1})
    assert {"threads 2 -> 1", "devices differ"} <= set(found.notes[SECOND])


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("model", {"model": {**MODEL, "label": "phi3-mini-q8"}}),
        ("target", {"target": {**DOCUMENT["target"], "name": "box"}}),
        ("engine", {"engine": {**DOCUMENT["engine"], "name": "mlc"}}),
    ],
)
def test_who_names_two_unlike_runs_wants_them_compared(field: str, changes: dict[str, Any]) -> None:
    found = against([d * 0.5 for d in STEADY], **changes)
    assert of(found, "decode_tok_per_s").ratio == pytest.approx(0.5)
    assert {getattr(row.cell, field) for row in found.rows} == {""}  # a row is of both
    assert any(note.startswith(f"{field} ") for note in found.notes[SECOND])
    assert found.exit_code == 0


def test_a_run_against_itself_is_said_to_be_that() -> None:
    found = compare(record(), record())
    assert found.notes[found.values[1]] == ("both sides are the same run",)
    assert {one.ratio for one in verdicts(found)} == {1.0}
