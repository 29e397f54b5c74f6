"""Histories of real use, imported and judged as a user does."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Lab

CASES = Path(__file__).resolve().parents[1] / "cases" / "data"
GATE = ("gate", "--baseline", "aaaaaaa11", "--candidate", "bbbbbbb22", "--all")


def imported(lab: Lab, name: str) -> None:
    assert lab("import", str(CASES / name), "--target", "box").code == 0


def test_one_slow_session_of_twenty_turns_no_gate_red(lab: Lab) -> None:
    imported(lab, "one-slow-session-of-twenty.jsonl")
    ran = lab(*GATE, "--json")
    assert ran.code == 0
    words = {verdict["word"] for verdict in ran.document["verdicts"]}
    assert words
    assert words <= {"same", "unproven"}


def test_old_commits_measured_again_at_the_end_leave_a_regression_open(lab: Lab) -> None:
    imported(lab, "old-commits-measured-again-at-the-end.jsonl")
    ran = lab("regressions", "--json")
    assert ran.code == 3
    (change,) = ran.document["changes"]
    assert (change["open"], change["commit_at"]) == (True, "000001eab")
    assert ran.document["order"]["runs_moved"] == 8
    assert "later than newer ones: 8, at their place" in lab("regressions").out


@pytest.mark.parametrize("nights", [5, 6, 7])
def test_a_fifth_lost_in_the_last_nights_is_on_both_pages(lab: Lab, nights: int) -> None:
    imported(lab, f"20-percent-lost-in-the-last-{nights}-of-60.jsonl")
    ran = lab("regressions", "--json")
    assert ran.code == 3
    (change,) = ran.document["changes"]
    assert (change["word"], change["open"], change["sessions_after"]) == ("slower", True, nights)
    assert "1 slower" in lab("dash", "--once").out
