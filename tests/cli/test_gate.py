"""`lab gate` on runs that are on record."""

from __future__ import annotations

import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Iterable
from pathlib import Path

import pytest

from lab import store
from lab.formats.run_record import RunRecord
from tests.analysis.documents import DOCUMENT, cell
from tests.analysis.sessions import NEW, OLD, failed, regression, session, sessions
from tests.cli.conftest import Lab


@pytest.fixture(autouse=True)
def outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """In no repository, and in no job of GitHub, whatever the tests run in."""
    for name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    return work


def put(records: Iterable[RunRecord]) -> None:
    for record in records:
        store.save(record)


def test_a_regression_is_3_and_said_in_words(lab: Lab, home: Path) -> None:
    put(regression())
    ran = lab("gate", "--baseline", OLD[:10], "--candidate", NEW[:10])
    assert ran.code == 3
    assert "slower" in ran.out
    assert ran.out.rstrip().endswith("(exit code 3)")
    assert ran.err.startswith("gate: regression: ")


def test_no_regression_is_0(lab: Lab, home: Path) -> None:
    put([*sessions(0, 10.0), *sessions(10, 10.0, commit=NEW)])
    ran = lab("gate", "--baseline", OLD, "--candidate", NEW)
    assert (ran.code, ran.err) == (0, "")
    assert "no regression in 6 verdicts" in ran.out


def test_unproven_is_said_with_the_command_and_is_5_when_strict(lab: Lab, home: Path) -> None:
    put([*sessions(0, 10.0, 3), session(10, 9.3, NEW)])
    ran = lab("gate", "--baseline", OLD, "--candidate", NEW)
    assert ran.code == 0
    assert "lab run --target local --model phi3-mini-q4 --prompt 512 --generate 128" in ran.out
    assert "verdicts are inconclusive" in ran.out
    strict = lab("gate", "--baseline", OLD, "--candidate", NEW, "--strict")
    assert strict.code == 5
    assert "gate: inconclusive: " in strict.err


def test_sides_that_share_nothing_are_5(lab: Lab, home: Path) -> None:
    emulated = {"device": {"serial_hash": "e" * 16, "emulated": True, "facts": {}}}
    put([*sessions(0, 10.0, 3), *sessions(10, 10.0, 3, NEW, **emulated)])
    ran = lab("gate", "--baseline", OLD, "--candidate", NEW)
    assert ran.code == 5
    assert "not comparable" in ran.err


def test_a_run_against_itself_is_5(lab: Lab, home: Path) -> None:
    put([session(0, 10.0)])
    ran = lab("gate", "--baseline", "latest", "--candidate", "latest")
    assert ran.code == 5
    assert "are the same runs" in ran.err


def test_a_baseline_that_is_not_there_is_1_with_the_near_name(lab: Lab, home: Path) -> None:
    put([session(0, 10.0, tags=["release"])])
    ran = lab("gate", "--baseline", "releas")
    assert ran.code == 1
    assert "Did you mean release?" in ran.err


def test_without_a_candidate_the_newest_is_judged(lab: Lab, home: Path) -> None:
    put([*sessions(0, 10.0, tags=["v1"]), session(9, 10.0, NEW)])
    document = lab("gate", "--baseline", "v1", "--json").document
    assert (document["baseline"], document["candidate"]) == ("tag v1", "latest")
    assert {verdict["sessions_b"] for verdict in document["verdicts"]} == {1}


def test_without_a_candidate_the_present_revision_is_judged(lab: Lab, home: Path, outside: Path) -> None:
    git = ["git", "-c", "user.name=n", "-c", "user.email=e@x", "-C", str(outside)]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "first"], check=True)
    head = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    put([*sessions(0, 10.0, tags=["v1"]), *sessions(10, 10.0, 2, head), session(20, 1.0, NEW)])
    document = lab("gate", "--baseline", "v1", "--json").document
    assert document["candidate"] == head[:12]
    assert {verdict["sessions_b"] for verdict in document["verdicts"]} == {2}


def test_the_last_before_the_candidate_are_the_baseline(lab: Lab, home: Path) -> None:
    put(sessions(0, 10.0, 6))
    document = lab("gate", "--baseline", "last:6", "--candidate", "latest", "--json").document
    assert {verdict["sessions_a"] for verdict in document["verdicts"]} == {5}
    assert "1 run of latest left out of last:6" in document["notes"]


def test_a_metric_and_a_floor_narrow_the_question(lab: Lab, home: Path) -> None:
    put([*sessions(0, 10.0), *sessions(10, 9.6, commit=NEW)])
    words = ("gate", "--baseline", OLD, "--candidate", NEW, "--metric", "decode_tok_per_s", "--json")
    assert {one["word"] for one in lab(*words).document["verdicts"]} <= {"same", "unproven"}
    narrow = lab(*words, "--floor", "2%")
    assert (narrow.code, [one["word"] for one in narrow.document["verdicts"]]) == (3, ["slower"])


def engines_and_tests() -> list[RunRecord]:
    """Three sessions of each of two engines in turns, two tests each, and then one of each."""
    cells = [cell([10.0, 10.1, 9.9], [50.0, 51.0, 52.0], depth=depth) for depth in (0, 2048)]
    names = ["tvm", "llama.cpp"] * 4
    return [
        session(number, 10.0, cells=cells, engine={**DOCUMENT["engine"], "name": name}, tags=["new"] * (number > 5))
        for number, name in enumerate(names)
    ]


def test_an_engine_and_a_test_narrow_what_is_judged_and_what_is_counted(lab: Lab, home: Path) -> None:
    put(engines_and_tests())
    argv = ("gate", "--baseline", "last:4", "--candidate", "latest", "--json")
    every = lab(*argv).document
    assert every["sessions"] == [[1, 1], [1, 1]]  # of the other engine there is nothing to compare
    document = lab(*argv, "--engine", "tvm", "--test", "*@d2048").document
    assert {(one["cell"]["engine"], one["cell"]["depth"]) for one in document["verdicts"]} == {("tvm", 2048)}
    assert (document["runs"], document["sessions"]) == ([3, 1], [[3, 3], [1, 1]])
    shown = lab(*argv[:-1], "--engine", "tvm").out
    assert "baseline   last:4: 3 runs, 3 sessions per series" in shown
    assert "candidate  latest: 1 run, 1 session per series" in shown


@pytest.mark.parametrize(
    ("option", "name", "near"),
    [
        ("--engine", "tmv", "tvm"),
        ("--test", "pp512+tg12", "pp512+tg128"),
        ("--target", "locla", "local"),
        ("--model", "phi3-mini-q44", "phi3-mini-q4"),
    ],
)
def test_a_name_that_is_not_there(lab: Lab, home: Path, option: str, name: str, near: str) -> None:
    put(engines_and_tests())
    ran = lab("gate", "--baseline", "latest~1", option, name)
    assert ran.code == 2
    assert f"Did you mean '{near}'" in ran.err


def test_a_day_is_a_baseline_and_so_is_a_range_of_days(lab: Lab, home: Path) -> None:
    put([*sessions(0, 10.0), *sessions(30, 10.0), *sessions(60, 10.0)])
    day = lab("gate", "--baseline", "20261101", "--candidate", "20261103", "--json").document
    assert (day["baseline"], day["runs"]) == ("20261101", [5, 5])
    days = lab("gate", "--baseline", "2026-11-01..2026-11-02", "--candidate", "20261103", "--json").document
    assert days["runs"] == [10, 5]
    many = lab("gate", "--baseline", "2026", "--candidate", "20261103")
    assert many.code == 1
    assert "a whole day such as 20261103 for all its runs" in many.err
    assert lab("compare", "20261101", "20261102").code == 0


@pytest.mark.parametrize("floor", ["5", "0", "0%", "nan", "-3%", "100.5%"])
def test_a_floor_that_is_no_share_is_refused(lab: Lab, home: Path, floor: str) -> None:
    ran = lab("gate", "--baseline", "x", "--floor", floor)
    assert ran.code == 2
    assert "3%" in ran.err


def test_reports_are_files(lab: Lab, home: Path, outside: Path) -> None:
    put(regression())
    words = ("gate", "--baseline", OLD, "--candidate", NEW, "--junit", "out/j.xml", "--markdown", "out/g.md")
    assert lab(*words).code == 3
    assert ET.parse(outside / "out" / "j.xml").getroot().get("failures") == "2"
    assert (outside / "out" / "g.md").read_text().startswith("## lab gate: regression")


def test_markdown_on_stdout_is_all_that_is_there(lab: Lab, home: Path) -> None:
    put(regression())
    ran = lab("gate", "--baseline", OLD, "--candidate", NEW, "--markdown", "-")
    assert ran.out.startswith("## lab gate: regression")
    assert "(exit code" not in ran.out
    assert lab("gate", "--baseline", OLD, "--markdown", "-", "--json").code == 2


def test_in_a_job_of_github_reports_go_where_they_belong(
    lab: Lab, home: Path, outside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(regression())
    summary = outside / "summary.md"
    summary.write_text("what another step wrote\n")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    ran = lab("gate", "--baseline", OLD, "--candidate", NEW)
    assert ran.code == 3
    assert ran.out.count("\n::error title=") + ran.out.startswith("::error title=") == 2
    text = summary.read_text()
    assert text.startswith("what another step wrote\n## lab gate: regression")
    in_json = lab("gate", "--baseline", OLD, "--candidate", NEW, "--json")
    assert in_json.document["exit_code"] == 3  # stdout is the document alone
    assert "::error" in in_json.err
    assert "::error" not in lab("gate", "--baseline", OLD, "--candidate", NEW, "--no-annotations").out


def test_a_cell_that_broke_is_an_alarm(lab: Lab, home: Path) -> None:
    put([*sessions(0, 10.0, 3), failed(10, "killed by SIGSEGV")])
    ran = lab("gate", "--baseline", OLD, "--candidate", NEW)
    assert ran.code == 3
    assert "broke" in ran.out
    assert "SIGSEGV" in ran.out


def test_an_empty_store_says_what_to_do_first(lab: Lab, home: Path) -> None:
    ran = lab("gate", "--baseline", "main")
    assert ran.code == 1
    assert "lab run" in ran.err
