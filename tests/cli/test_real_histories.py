"""Histories of real use, imported and judged as a user does."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.analysis.test_select import git
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


def test_one_commit_of_eight_and_nine_digits_is_one_revision(lab: Lab) -> None:
    imported(lab, "one-commit-of-8-and-9-digits.jsonl")
    ran = lab("compare", "83bc2f28", "83bc2f285")
    assert ran.code == 5
    assert "are one revision, 83bc2f285: 6 runs" in ran.err
    ran = lab("compare", "--axis", "revision")
    assert ran.code == 1
    assert "only 83bc2f285 is on record" in ran.err


def test_a_tag_names_runs_that_were_imported_with_the_beginning_of_its_commit(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    top = tmp_path / "repository"
    top.mkdir()
    git(top, "init", "-q", "-b", "main")
    git(top, "commit", "-q", "--allow-empty", "-m", "one")
    git(top, "tag", "v1")
    git(top, "commit", "-q", "--allow-empty", "-m", "two")
    names = {"aaaaaaa11": "v1", "bbbbbbb22": "main"}
    text = (CASES / "one-slow-session-of-twenty.jsonl").read_text()
    for old, new in names.items():
        text = text.replace(old, git(top, "rev-parse", "--short=9", new).strip())
    (tmp_path / "rows.jsonl").write_text(text)
    assert lab("import", str(tmp_path / "rows.jsonl"), "--target", "box").code == 0
    monkeypatch.chdir(top)
    for baseline in ("v1", git(top, "rev-parse", "--short=9", "v1").strip()):
        ran = lab("gate", "--baseline", baseline, "--candidate", "main", "--all", "--json")
        assert ran.code == 0
        assert {verdict["sessions_a"] for verdict in ran.document["verdicts"]} == {5}
