"""Results whose conditions changed, as a user imports and judges them: the files of tests/cases/data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lab.analysis.judging.sentences import test_of as named
from lab.analysis.judging.verdict import Verdict
from lab.analysis.points.key import CellKey
from tests.cli.conftest import Lab

CASES = Path(__file__).parent.parent / "cases/data"


@pytest.fixture(autouse=True)
def outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In no repository, and in no job of GitHub, whatever the tests run in."""
    for name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)


def imported(lab: Lab, name: str) -> None:
    assert lab("import", str(CASES / name), "--target", "box").code == 0


def gated(lab: Lab, name: str, *more: str) -> Any:
    imported(lab, name)
    return lab("gate", "--baseline", "aaaaaaa11", "--candidate", "bbbbbbb22", "--all", *more)


@pytest.mark.parametrize(
    ("name", "loss", "field"),
    [
        ("no-new-column-20-percent.jsonl", "slower 20.0 %", ""),
        ("new-default-column-hides-20-percent.jsonl", "slower 20.0 %", ""),
        (
            "driver-text-changes-hides-16-percent.jsonl",
            "slower 15.9 %",
            "gpu_info Example GPU -> Example GPU (driver B)",
        ),
    ],
)
def test_a_loss_is_found_though_a_column_came_with_it(lab: Lab, home: Path, name: str, loss: str, field: str) -> None:
    imported(lab, name)
    ran = lab("regressions")
    assert ran.code == 3
    assert loss in ran.out
    assert "No open regression" not in ran.out
    assert (f"1: conditions changed here: {field}" in ran.out) == bool(field)
    (change,) = lab("regressions", "--json").document["changes"]
    assert change["conditions_changed"] == [field] * bool(field)
    assert change["columns_changed"] == ["+ no_host"] * ("default" in name)
    assert ("columns came or went here, at their default: + no_host" in ran.out) == ("default" in name)


def test_flash_attention_off_is_held_against_off_and_on_against_on(lab: Lab, home: Path) -> None:
    ran = gated(lab, "flash-attention-both-ways-nothing-changed.jsonl", "--json")
    assert ran.code == 0
    found = {one["settings"]["flash_attn"]: one["word"] for one in ran.document["verdicts"]}
    assert found == {"0": "same", "1": "same"}


def test_rows_that_differ_in_a_setting_show_it_by_name(lab: Lab, home: Path) -> None:
    ran = gated(lab, "flash-attention-both-ways-one-slower.jsonl")
    assert ran.code == 3
    (slower,) = [line for line in ran.out.splitlines() if line.rstrip().endswith("slower")]
    (same,) = [line for line in ran.out.splitlines() if line.rstrip().endswith("same")]
    assert "flash_attn=1" in slower
    assert "flash_attn=0" in same


def test_columns_that_are_measurements_are_no_conditions(lab: Lab, home: Path) -> None:
    ran = gated(lab, "unknown-columns-that-are-measurements.jsonl", "--json")
    assert ran.code == 3
    assert [(one["word"], one["sessions_a"], one["sessions_b"]) for one in ran.document["verdicts"]] == [
        ("slower", 5, 5)
    ]


def test_a_column_that_went_away_is_compared_with_a_note(lab: Lab, home: Path) -> None:
    ran = gated(lab, "unknown-default-column-went-away.jsonl", "--json")
    assert ran.code == 3
    assert [one["word"] for one in ran.document["verdicts"]] == ["slower"]
    (note,) = ran.document["notes"]
    assert note == "- defrag_thold: the candidate has no such column; assumed at the default: defrag_thold=-1"


def test_reports_and_documents_name_the_setting(lab: Lab, home: Path, tmp_path: Path) -> None:
    junit, markdown = tmp_path / "gate.xml", tmp_path / "gate.md"
    name = "flash-attention-both-ways-one-slower.jsonl"
    assert gated(lab, name, "--junit", str(junit), "--markdown", str(markdown)).code == 3
    assert '<testcase name="tg128 flash_attn=1 Decode"' in junit.read_text()
    assert "| tg128 flash_attn=1 | Decode |" in markdown.read_text()


def test_values_of_an_axis_are_told_apart_by_setting(lab: Lab, home: Path) -> None:
    imported(lab, "flash-attention-both-ways-one-slower.jsonl")
    document = lab("compare", "--axis", "revision", "--json").document
    words = {row["settings"]["flash_attn"]: row["verdicts"]["bbbbbbb22"]["word"] for row in document["rows"]}
    assert words == {"0": "same", "1": "slower"}
    assert "flash_attn=1" in lab("compare", "--axis", "revision").out


def test_two_runs_tell_what_differs_by_field(lab: Lab, home: Path) -> None:
    imported(lab, "flash-attention-both-ways-one-slower.jsonl")
    out = lab("compare", "latest~1", "latest").out
    assert "flash_attn 0 -> 1" in out
    assert "settings: " not in out


def test_the_value_of_a_setting_that_names_a_host_stays_out_of_reports() -> None:
    cell = CellKey(target="box", model="m", engine="e", prompt=0, generate=8, depth=0, metric="decode_tok_per_s")
    settings = (("no_host", "1"), ("rpc_servers", "10.0.0.7:50052"))
    told = named(Verdict(cell=cell, word="slower", reason="", settings=settings))
    assert told == "tg8 no_host=1 rpc_servers=..."
