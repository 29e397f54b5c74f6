from __future__ import annotations

from typing import Any

import pytest

from lab.analysis.run.flags import run_flags
from lab.analysis.run.summary import summarise
from tests.analysis.documents import DOCUMENT, MODEL, cell, record


def codes_of_run(**changes: Any) -> set[str]:
    return {flag.code for flag in run_flags(record(**changes))}


def codes_of_cell(**changes: Any) -> set[str]:
    one = cell()
    for repetition in one["repetitions"][:2]:
        repetition.update(changes)
    return {flag.code for flag in summarise(record(cells=[one]))[0].flags}


REAL = {**DOCUMENT["weights"], "source": "huggingface", "source_id": "sha256:" + "1" * 64, "synthetic": False}


def test_a_sound_run_of_real_weights_has_no_flags() -> None:
    assert codes_of_run(weights=REAL) == set()
    assert codes_of_cell() == set()


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, "synthetic"),
        ({"model": {**MODEL, "layers": 2}}, "layers"),
        ({"device": {**DOCUMENT["device"], "emulated": True}}, "emulated"),
        ({"status": "interrupted", "reason": "Ctrl-C"}, "interrupted"),
        ({"bandwidth": {"threads": 2, "before": [40e9], "after": [30e9]}}, "bandwidth_moved"),
    ],
)
def test_what_holds_for_the_whole_run(changes: dict[str, Any], code: str) -> None:
    assert code in codes_of_run(**changes)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"gate": {"kept": False, "waited_s": 15.0, "reason": "busy"}}, "gate_not_kept"),
        ({"warmup": {"count": 8, "stable": False, "decode_s": []}}, "warmup_unstable"),
        ({"throttled": True}, "throttled"),
        ({"swap_bytes": 4096}, "swapped"),
        ({"status": "rejected", "reason": "counts differ"}, "repetitions_lost"),
        ({"decode_tok_per_s": 20.0}, "cv_over_gate"),
    ],
)
def test_what_holds_for_a_cell(changes: dict[str, Any], code: str) -> None:
    assert code in codes_of_cell(**changes)


def test_other_tokens_from_the_same_work_are_said() -> None:
    one = cell()
    for repetition, digest in zip(one["repetitions"], ("a", "a", "b"), strict=False):
        repetition["tokens_sha256"] = digest * 64
    assert "tokens_differ" in {flag.code for flag in summarise(record(cells=[one]))[0].flags}


def test_an_impossible_rate_is_said_to_be_one() -> None:
    fast = cell([20.0] * 3, [50.0] * 3)  # 20 x 2.2 GB is 45 GB/s, the roof is 32
    (found,) = summarise(record(cells=[fast]))
    assert [flag.code for flag in found.flags] == ["above_roof"]
    assert "exceeds the fastest measured memory bandwidth (135 %)" in found.flags[0].text
    assert found.impossible


def test_an_impossible_prefill_has_a_flag_of_its_own() -> None:
    fast = cell([10.0] * 3, [200.0] * 3)  # 200 x 7.3 billion operations, and attention: 1.5e12 of 1.0e12 a second
    (found,) = summarise(record(cells=[fast]))
    assert [flag.code for flag in found.flags] == ["prefill_above_roof"]
    assert "Prefill exceeds the fastest measured arithmetic peak (14" in found.flags[0].text
    assert found.impossible


def test_a_little_above_the_roof_is_within_what_roofs_are_known_to() -> None:
    (found,) = summarise(record(cells=[cell([10.0] * 3, [132.0] * 3)]))
    assert 1.0 < (found.prefill_roof_fraction or 0) < 1.05
    assert found.flags == ()


def test_reasons_are_told_once_each() -> None:
    one = cell()
    for repetition in one["repetitions"]:
        repetition["gate"] = {"kept": False, "waited_s": 15.0, "reason": "the processor was 60% busy"}
    (found,) = summarise(record(cells=[one]))
    assert found.flags[0].text == "5 of 5 repetitions started although the processor was 60% busy (waited 15 s)"


def test_a_busy_cpu_is_told_with_limit_and_wait() -> None:
    one = cell()
    for repetition, busy in zip(one["repetitions"], (0.45, 0.6), strict=False):
        reason = f"the CPU was {busy:.0%} busy with other work"
        repetition["gate"] = {"kept": False, "waited_s": 15.2, "reason": reason, "busy_fraction": busy}
    run = record(cells=[one], plan={**DOCUMENT["plan"], "max_busy": 0.3})
    text = summarise(run)[0].flags[0].text
    assert text == "2 of 5 repetitions started although the CPU was busy (limit 30 %, waited 15 s)"


@pytest.mark.parametrize(
    ("row", "code", "text"),
    [
        (
            {"throttled_reason": "slowed within the run by 10 %, clock unchanged", "throttled_by": ["rate"]},
            "slowed",
            "1 of 5 repetitions: slowed within the run by 10 %, clock unchanged",
        ),
        (  # as files of before have it
            {"throttled_reason": "late gaps took 1.10 times the early ones"},
            "slowed",
            "1 of 5 repetitions: slowed within the run by 10 %",
        ),
        (
            {"throttled_reason": "the clock fell by 20 %, from 3000 to 2400 MHz", "throttled_by": ["clock"]},
            "throttled",
            "1 of 5 repetitions throttled: the clock fell by 20 %, from 3000 to 2400 MHz",
        ),
        (
            {"throttled_reason": "thermal pressure was heavy; late gaps took 1.10 times the early ones"},
            "throttled",
            "1 of 5 repetitions throttled: thermal pressure was heavy; slowed within the run by 10 %",
        ),
        ({"throttled_reason": None}, "throttled", "1 of 5 repetitions throttled"),
    ],
)
def test_throttled_is_said_of_clocks_and_heat_alone(row: dict[str, Any], code: str, text: str) -> None:
    one = cell()
    one["repetitions"][2] |= {"throttled": True, **row}
    (flag,) = summarise(record(cells=[one]))[0].flags
    assert (flag.code, flag.text) == (code, text)
