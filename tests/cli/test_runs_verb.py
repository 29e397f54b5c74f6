"""`lab runs`: which runs it lists, what it keeps of them, and what it says where there are none."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from lab import store
from lab.analysis.listing import lines_of
from lab.analysis.points.build import points_of
from lab.analysis.run.flags import DOUBTS, run_flags
from lab.analysis.run.summary import summarise
from tests.analysis.documents import DOCUMENT, MODEL, cell, failed_repetition, record
from tests.cli.conftest import Keep, Lab

DAYS = ("2026-11-21", "2026-11-22", "2026-11-23", "2026-11-24")
IDS = [f"{day.replace('-', '')}-210000-ab12c{place}" for place, day in enumerate(DAYS)]
FAILED = {**cell(), "status": "failed", "repetitions": [failed_repetition(0, "killed by SIGSEGV")]}
ENGINE: dict[str, Any] = DOCUMENT["engine"]


@pytest.fixture
def four(keep: Keep) -> None:
    """Four days: of another engine, tagged, failed, and of two layers."""
    changes: list[dict[str, Any]] = [
        {"engine": {**ENGINE, "name": "llama.cpp"}},
        {"tags": ["v1"]},
        {"status": "failed", "reason": "the device is gone", "cells": [FAILED]},
        {"model": {**MODEL, "label": "phi3-mini-q4@2l", "layers": 2}},
    ]
    for run_id, day, change in zip(IDS, DAYS, changes, strict=True):
        keep(run_id=run_id, created_at=f"{day}T21:00:00Z", **change)


@pytest.mark.parametrize(
    ("argv", "places"),
    [
        ("", [0, 1, 2, 3]),
        ("--last 2", [2, 3]),
        ("--last 9", [0, 1, 2, 3]),
        ("--since 2026-11-23", [2, 3]),
        ("--since 2026-11-23T22:00", [3]),
        ("--since 99999w", [0, 1, 2, 3]),
        ("--since 0001-01-01", [0, 1, 2, 3]),
        ("--since 9999-12-31", []),
        ("--since 2026-11-22T22:00+02:00", [1, 2, 3]),
        ("--tag v1", [1]),
        ("--engine llama.cpp", [0]),
        ("--engine tvm --last 1", [3]),
        ("--status failed", [2]),
        ("--model phi3-mini-q4", [0, 1, 2, 3]),
        ("-m phi3-mini-q4@2l", [3]),
        ("-t local --status interrupted", []),
    ],
)
def test_the_list_is_narrowed(lab: Lab, four: None, argv: str, places: list[int]) -> None:
    found = lab("runs", *argv.split(), "--json").document["runs"]
    assert [run["run_id"] for run in found] == [IDS[place] for place in places]
    shown = lab("runs", *argv.split()).out
    assert [run_id for run_id in IDS if run_id in shown] == [IDS[place] for place in places]


@pytest.mark.parametrize(
    ("argv", "error"),
    [
        ("--engine llama", "Did you mean 'llama.cpp'"),
        ("--tag v2", "unknown tag 'v2'"),
        ("--target locla", "Did you mean 'local'"),
        ("--model phi3-mini-q5", "Did you mean 'phi3-mini-q"),
        ("--since yesterday", "not a date"),
        ("--since 2026-13-01", "not a date"),
    ],
)
def test_a_name_that_is_none_is_refused(lab: Lab, four: None, argv: str, error: str) -> None:
    ran = lab("runs", *argv.split())
    assert (ran.code, ran.out) == (2, "")
    assert error in ran.err


def test_a_record_that_was_read_is_not_read_again(lab: Lab, four: None, monkeypatch: pytest.MonkeyPatch) -> None:
    before = lab("runs").out

    def refuse(*args: object) -> None:
        raise AssertionError("a record was read again")

    monkeypatch.setattr(store, "_record", refuse)
    assert lab("runs").out == before


def test_a_line_says_what_the_record_does() -> None:
    """Of a run with tests; of one without any there is nothing but its head."""
    two = record(cells=[cell([10.0, 10.4, 9.9, 10.1, 10.0]), FAILED])
    lines = lines_of(points_of([two, record(run_id=IDS[0], device={**DOCUMENT["device"], "emulated": True})]))
    line = next(one for one in lines if one.run_id == two.run_id)
    first = summarise(two)[0]
    assert (line.tests, line.test) == (2, first.label)
    assert line.prefill == first.metrics["prefill_tok_per_s"].median
    assert line.decode == first.metrics["decode_tok_per_s"].median
    codes = [flag.code for flag in run_flags(two) if flag.code in ("synthetic", "layers", "emulated", *DOUBTS)]
    assert list(line.labels) == codes
    assert "emulated" in next(one for one in lines if one.run_id == IDS[0]).labels


def test_a_run_without_tests_is_listed(lab: Lab, keep: Keep) -> None:
    run = keep(status="failed", reason="the device is gone", cells=[], plan={**DOCUMENT["plan"], "cells": []})
    line = next(line for line in lab("runs").out.splitlines() if run.run_id in line)
    assert "none" in line
    assert "failed" in line


def test_a_run_that_nobody_runs_any_more_was_interrupted(lab: Lab, keep: Keep) -> None:
    keep(status="running")
    assert "interrupted" in lab("runs").out
    assert len(lab("runs", "--status", "interrupted", "--json").document["runs"]) == 1


def test_where_nothing_is_found_is_said_in_full(lab: Lab, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert f"no recorded runs in {home}/profiles" in " ".join(lab("runs").out.split())
    monkeypatch.setenv("LAB_HOME", str(home / "other"))
    assert f"LAB_HOME={home}/other does not exist" in " ".join(lab("runs").out.split())
    ran = lab("show", "latest")
    assert ran.code == 1
    assert f"no runs are recorded in {home}/other/profiles (LAB_HOME={home}/other does not exist)" in ran.err


def test_no_match_is_told_from_no_runs(lab: Lab, four: None, home: Path) -> None:
    assert f"no recorded runs match that in {home}/profiles" in " ".join(
        lab("runs", "--since", "2027-01-01").out.split()
    )


@pytest.mark.parametrize("argv", ["dash --once", "regressions", "store check", "gate --baseline main", "export latest"])
def test_who_finds_nothing_says_where_it_looked(
    lab: Lab, home: Path, monkeypatch: pytest.MonkeyPatch, argv: str
) -> None:
    monkeypatch.setenv("LAB_HOME", str(home / "other"))
    ran = lab(*argv.split(), *(["--format", "csv"] if argv.startswith("export") else []))
    assert f"{home}/other/profiles (LAB_HOME={home}/other does not exist)" in ran.out + ran.err


def test_a_short_list_says_of_damaged_files_how_many(lab: Lab, four: None, home: Path) -> None:
    (damaged,) = home.rglob(f"*{IDS[1]}.json")
    damaged.write_text("{")
    assert IDS[1] in lab("runs").out
    ran = lab("runs", "--last", "1")
    assert IDS[1] not in ran.out
    assert "warning: 1 file cannot be read: `lab store check` names it" in ran.err


def test_a_run_of_which_a_test_failed_says_so_and_is_found(lab: Lab, keep: Keep) -> None:
    """Its own status is ok: it went to its end. What failed in it must not go unseen."""
    keep(run_id="20261123-210000-ab12cd")
    keep(run_id="20261124-210000-ab12cd", cells=[cell(), {**FAILED, "depth": 512}])
    assert "1 of 2 failed" in lab("runs").out
    assert lab("show", "20261124-210000-ab12cd").out.splitlines()[0].endswith("   1 of 2 failed")
    assert "Z, 1 of 2 failed" in lab("show", "20261124-210000-ab12cd", "--markdown").out
    assert re.findall(r"^2026112\d", lab("runs", "--status", "failed").out, re.MULTILINE) == ["20261124"]
    assert re.findall(r"^2026112\d", lab("runs", "--status", "ok").out, re.MULTILINE) == ["20261123"]


def test_latest_that_is_damaged_is_named_with_the_run_before_it(lab: Lab, keep: Keep, home: Path) -> None:
    keep()
    (home / "profiles" / "local" / "20261124T210000Z--phi3-mini-q4--20261124-210000-ab12cd.json").write_text('{"x"')
    ran = lab("show", "latest")
    assert ran.code == 1
    for said in ("20261124-210000-ab12cd.json: not valid JSON", "lab store check", "the run before it is latest~1"):
        assert said in ran.err
    assert lab("show", "latest~1").code == 0
