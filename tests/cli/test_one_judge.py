"""`lab compare` of two single runs and `lab gate` judge by the same rules, and leave with the same code."""

from __future__ import annotations

from typing import Any

import pytest

from tests.analysis.documents import DOCUMENT, MODEL, cell, failed_repetition, gpu_document
from tests.cli.conftest import Keep, Lab

FIRST, SECOND = "20261123-210000-ab12cd", "20261124-210000-ab12ce"
LATER = {"run_id": SECOND, "created_at": "2026-11-24T21:00:00Z"}
EMULATED = {"device": {**DOCUMENT["device"], "emulated": True}}
TWO = {"cells": [cell(), cell(depth=64)]}


def swapped() -> dict[str, Any]:
    one = cell()
    one["repetitions"][0]["swap_bytes"] = 1 << 20
    return {"cells": [one]}


def broken() -> dict[str, Any]:
    return {"cells": [{**cell(), "status": "failed", "repetitions": [failed_repetition(0, "killed by SIGSEGV")]}]}


# What is recorded of A and of B, the exit code, and the words of all verdicts on the cell as a whole.
PAIRS: dict[str, tuple[dict[str, Any], dict[str, Any], int, set[str]]] = {
    "the same": ({}, {}, 0, set()),
    "half as fast": ({}, {"cells": [cell([5.0, 5.1, 5.0, 4.9, 5.0])]}, 0, set()),
    "fell back": (gpu_document(), gpu_document("cpu", fell_back=True), 3, {"fell-back"}),
    "fell back where a CPU was before": ({}, gpu_document("cpu", fell_back=True), 3, {"fell-back"}),
    "both fell back": (*[gpu_document("cpu", fell_back=True)] * 2, 5, {"not-comparable"}),
    "no longer falls back": (gpu_document("cpu", fell_back=True), gpu_document(), 0, {"fixed"}),
    "a GPU and a CPU that says it is one": (gpu_document("cpu"), gpu_document(), 5, {"not-comparable"}),
    "a CPU, and the same by OpenCL": ({}, gpu_document("cpu"), 0, set()),
    "a test is missing": (TWO, {}, 3, {"missing"}),
    "a test was not reached": ({}, {"cells": [{**cell(), "status": "not_run", "repetitions": []}]}, 3, {"missing"}),
    "a test is new": ({}, TWO, 0, {"new"}),
    "nothing but a new test": ({"cells": []}, {}, 5, {"new"}),
    "broke": ({}, broken(), 3, {"broke"}),
    "fixed": (broken(), {}, 0, {"fixed"}),
    "swapped": ({}, swapped(), 5, {"not-comparable"}),
    "swapped, as before": (swapped(), swapped(), 5, {"not-comparable"}),
    "an emulated device and a real one": ({}, EMULATED, 5, {"not-comparable"}),
    "a test that the emulated device lacks": (TWO, EMULATED, 5, {"not-comparable"}),
    "a test that the real device lacks": ({**TWO, **EMULATED}, {}, 5, {"not-comparable"}),
    "two emulated devices": (EMULATED, EMULATED, 5, {"not-comparable"}),
    "another protocol": ({}, {"protocol": {**DOCUMENT["protocol"], "version": 2}}, 5, {"not-comparable"}),
    "fewer layers": ({}, {"model": {**MODEL, "layers": 2}}, 5, {"not-comparable"}),
    "disturbed on purpose": ({}, {"disturbed_by": "stress-ng --cpu 2"}, 5, {"not-comparable"}),
}


@pytest.mark.parametrize("what", PAIRS)
def test_one_answer(lab: Lab, keep: Keep, what: str) -> None:
    a, b, code, words = PAIRS[what]
    keep(**a)
    keep(**b, **LATER)
    compared = lab("compare", FIRST, SECOND, "--json")
    gated = lab("gate", "--baseline", FIRST, "--candidate", SECOND, "--json")
    assert (compared.code, gated.code) == (code, code), gated.err
    assert compared.document["exit_code"] == code
    rows = [row for row in compared.document["rows"] if not row["cell"]["metric"]]
    assert {verdict["word"] for row in rows for verdict in row["verdicts"].values()} == words
    assert {one["word"] for one in gated.document["verdicts"] if not one["cell"]["metric"]} == words


def test_a_difference_within_one_session_is_shown_and_not_proven(lab: Lab, keep: Keep) -> None:
    keep()
    keep(cells=[cell([8.0, 8.1, 8.2, 8.1, 8.0])], **LATER)
    document = lab("compare", FIRST, SECOND, "--json").document
    (row,) = [row for row in document["rows"] if row["cell"]["metric"] == "decode_tok_per_s"]
    (verdict,) = row["verdicts"].values()
    assert (verdict["word"], verdict["interval"]) == ("unproven", None)
    assert verdict["ratio"] == pytest.approx(0.81)
    assert row["within"][0] < verdict["ratio"] <= row["within"][1]
    assert verdict["reason"].startswith("needs at least 3 sessions per side (has 1)")
    (memory,) = [row for row in document["rows"] if row["cell"]["metric"] == "rss_peak_bytes"]
    assert memory["within"] is None  # one number a session
    text = lab("compare", FIRST, SECOND).out
    assert "0.81 inconclusive" in text
    assert f"{row['within'][0]:.3f}" in text


def test_metrics_can_be_chosen_and_drawn_of_single_runs_too(lab: Lab, keep: Keep) -> None:
    keep()
    keep(cells=[cell(), cell(depth=64)], **LATER)
    ran = lab("compare", FIRST, SECOND, "--metric", "decode_tok_per_s", "--json")
    assert {row["cell"]["metric"] for row in ran.document["rows"]} == {"decode_tok_per_s", ""}
    assert "longer is better" in lab("compare", FIRST, SECOND, "--metric", "decode_tok_per_s", "--plot").out
