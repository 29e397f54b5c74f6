"""`lab regressions` and `lab ack` on recorded runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lab import store
from tests.analysis.documents import DOCUMENT, cell
from tests.cli.conftest import Keep, Lab

COUNT, AT = 24, 12


def commit(day: int) -> str:
    return f"{day:02d}" * 20


@pytest.fixture
def slower(keep: Keep) -> Keep:
    """24 runs, one a day; decode loses 10 % from the 13th on."""
    draw = np.random.default_rng(1)
    for day in range(COUNT):
        decode, prefill = 10 * (0.9 if day >= AT else 1.0), 50.0
        decodes, prefills = ([float(base * (1 + 0.005 * draw.standard_normal()))] * 3 for base in (decode, prefill))
        keep(
            run_id=f"202601{day + 1:02d}-210000-0000{day:02d}",
            created_at=f"2026-01-{day + 1:02d}T21:00:00Z",
            lab={**DOCUMENT["lab"], "git_commit": commit(day)},
            cells=[cell(decodes, prefills)],
        )
    return keep


def test_an_empty_store_says_what_to_do_first(lab: Lab, home: Path) -> None:
    ran = lab("regressions")
    assert ran.code == 0
    assert "lab run --target local" in ran.err
    assert "at least 20 sessions" in ran.out
    assert lab("regressions", "--json").document["changes"] == []


def test_few_runs_are_left_to_compare(lab: Lab, keep: Keep) -> None:
    keep()
    assert "lab compare A B" in lab("regressions").out


def test_markdown_to_paste(lab: Lab, slower: Keep) -> None:
    ran = lab("regressions", "--markdown")
    assert ran.code == 3
    assert ran.out.startswith(
        "### lab regressions\n\n| \\# | Cell | History | Change | Since |\n|--:|---|---|---|---|\n| 1 |"
    )
    assert "pp512+tg128 Decode |" in ran.out
    assert "<br>open |" in ran.out
    assert lab("regressions", "--markdown", "--json").code == 2


def test_a_regression_names_run_and_commits_and_leaves_with_3(lab: Lab, slower: Keep) -> None:
    ran = lab("regressions")
    assert ran.code == 3
    assert "20260113-210000-000012" in ran.out
    assert f"{commit(11)[:9]}..{commit(12)[:9]}" in ran.out
    assert "lab ack 1 --reason" in ran.out
    document = lab("regressions", "--json").document
    changes = {change["cell"]["metric"]: change for change in document["changes"]}
    assert set(changes) == {"decode_tok_per_s", "itl_p50_s"}
    found = changes["decode_tok_per_s"]
    assert (found["word"], found["index"], found["open"]) == ("slower", AT, True)
    assert (found["commit_before"], found["commit_at"]) == (commit(11), commit(12))
    assert found["ratio"] == pytest.approx(0.9, abs=0.01)
    assert document["exit_code"] == 3


def test_filters_keep_the_numbers(lab: Lab, slower: Keep) -> None:
    every = lab("regressions", "--json").document["changes"]
    assert lab("regressions", "--target", "local", "--model", "phi3-mini-q4", "--json").document["changes"] == every
    assert lab("regressions", "--model", "phi3-medium-q4", "--json").document["changes"] == []
    ran = lab("regressions", "--target", "lokal")
    assert ran.code == 2
    assert "Did you mean 'local'" in ran.err


def test_what_is_printed_can_be_typed(lab: Lab, slower: Keep, home: Path) -> None:
    words = ("--target", "local", "--metric", "decode_tok_per_s", "--test", "pp512+tg128", "--run", "20260113")
    ran = lab("ack", *words, "--reason", "checks each token")
    assert ran.code == 0, ran.err
    assert (home / "accepted.toml").exists()
    changes = lab("regressions", "--json").document["changes"]
    assert [(one["cell"]["metric"], one["acknowledged"]) for one in changes] == [
        ("itl_p50_s", None),
        ("decode_tok_per_s", "checks each token"),
    ]
    assert lab("ack", "1", "20260113", "--reason", "the same").code == 0
    ran = lab("regressions")
    assert ran.code == 0
    assert ran.out.count("accepted") == 2


def test_several_changes_are_accepted_only_when_asked_for(lab: Lab, slower: Keep) -> None:
    ran = lab("ack", "--run", "20260113", "--reason", "why")
    assert ran.code == 2
    assert "2 changes fit" in ran.err
    assert lab("ack", "--run", "20260113", "--each", "--reason", "why").code == 0
    assert lab("regressions").code == 0


def test_an_accepted_level_can_be_listed_and_taken_back(lab: Lab, slower: Keep) -> None:
    lab("ack", "1", "--reason", "why \x1b[31mnot")
    (entry,) = lab("ack", "--list", "--json").document["accepted"]
    assert entry["run"] == "20260113-210000-000012"
    assert "\x1b" not in lab("ack", "--list").out
    assert lab("ack", "--remove", "2").code == 2
    assert lab("ack", "--remove", "1").code == 0
    assert lab("ack", "--list").out == "nothing is accepted\n"
    assert lab("regressions").code == 3


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["1"], "--reason is required"),
        (["1", "--reason", " "], "--reason is required"),
        (["--reason", "why"], "which change?"),
        (["9", "--reason", "why"], "no change point matches"),
        (["1", "20260114", "--reason", "why"], "no change point matches"),
    ],
)
def test_an_acceptance_that_is_not_clear_is_refused(
    lab: Lab, slower: Keep, home: Path, words: list[str], said: str
) -> None:
    ran = lab("ack", *words)
    assert ran.code == 2
    assert said in ran.err
    assert not (home / "accepted.toml").exists()


def test_a_damaged_run_is_told_and_hides_no_other(lab: Lab, slower: Keep) -> None:
    path = store.run_path(slower(run_id="20260130-210000-ffffff", created_at="2026-01-30T21:00:00Z"))
    path.write_text(path.read_text()[:-100])
    ran = lab("regressions", "--json")
    assert ran.code == 3
    assert "unreadable" in ran.err
    assert len(ran.document["changes"]) == 2


def test_a_clock_that_was_wrong_is_told(lab: Lab, slower: Keep) -> None:
    slower(run_id="19700101-000000-ffffff", created_at="1970-01-01T00:00:00Z")
    ran = lab("regressions")
    assert "left out: 19700101-000000-ffffff: its clock was not set" in ran.out
    assert lab("regressions", "--json").document["clocks"] == [
        {"run_id": "19700101-000000-ffffff", "problem": "its clock was not set"}
    ]


def test_a_mistake_in_accepted_toml_is_named(lab: Lab, slower: Keep, home: Path) -> None:
    (home / "accepted.toml").write_text("schema = 1\n[[accepted]]\ntarget = 3\n")
    ran = lab("regressions")
    assert ran.code == 1
    assert "accepted[0].target: expected a string" in ran.err
