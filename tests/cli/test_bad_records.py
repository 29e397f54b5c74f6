"""One record that cannot be read is a line of its own, and never the end of a verb for the whole store."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

import lab as notebook
from lab.formats.digested import digested_bytes
from tests.cli.conftest import Keep, Lab
from tests.formats.samples import RUN

CASES = Path("tests/cases/security").resolve()
BAD = ("month-13", "integer-of-400-digits", "nested-400", "cpu-model-is-a-list", "profile-of-numbers")
SOUND = ("20261121-210000-ab12cd", "20261122-210000-ab12ce")


@pytest.fixture
def store(home: Path, keep: Keep) -> Path:
    """Two sound runs, and beside them every record of the cases that cannot be read."""
    for name in SOUND:
        keep(run_id=name, created_at=f"{name[:4]}-{name[4:6]}-{name[6:8]}T21:00:00Z")
    folder = home / "profiles/local"
    for number, name in enumerate(BAD):
        shutil.copy(
            CASES / f"run-{name}.json", folder / f"20261123T21000{number}Z--x--20261123-21000{number}-aaaaaa.json"
        )
    for number, change in enumerate(({"created_at": "9999-99-99T00:00:00Z"}, {"cells": [[]]}, {"schema": {"a": 1}})):
        path = folder / f"20261123T21010{number}Z--x--20261123-21010{number}-aaaaaa.json"
        path.write_bytes(digested_bytes({**json.loads(json.dumps(RUN)), **change}))
    return home


COUNT = len(BAD) + 3


@pytest.mark.parametrize("words", ["runs", "dash --once", "regressions", "gate --baseline latest~1 --candidate latest"])
def test_each_is_named_and_the_rest_is_shown(lab: Lab, store: Path, words: str) -> None:
    ran = lab(*words.split())
    assert ran.code in (0, 5), ran.err
    said = ran.out + ran.err
    assert said.count("unreadable") == COUNT or f"{COUNT} stored runs cannot be read" in said


def test_runs_as_json(lab: Lab, store: Path) -> None:
    document = lab("runs", "--json").document
    assert [run["run_id"] for run in document["runs"]] == list(SOUND)
    assert len(document["unreadable"]) == COUNT


def test_store_check_names_each(lab: Lab, store: Path) -> None:
    ran = lab("store", "check", "--json")
    assert ran.code == 1
    assert ran.document["runs"] == COUNT + 2
    assert len([one for one in ran.document["findings"] if one["kind"] in ("damaged", "foreign")]) == COUNT
    assert lab("store", "set-aside").code == 0
    assert lab("store", "check").code == 0


def test_one_run_is_shown_compared_and_exported(lab: Lab, store: Path, tmp_path: Path) -> None:
    assert lab("show", SOUND[0]).code == 0
    assert lab("compare", *SOUND).code == 0
    assert lab("compare", "--axis", "run").code in (0, 5)
    assert lab("export", *SOUND, "--format", "csv").code == 0
    ran = lab("store", "export", "--parquet", str(tmp_path / "x.parquet"), "--json")
    assert (ran.code, ran.document["runs"], ran.document["unreadable"]) == (0, 2, COUNT)
    ran = lab("show", "20261123-210000-aaaaaa")
    assert ran.code == 1
    assert "no date and time that there is" in ran.err
    assert lab("calibrate", "--target", "local", "--from-history").code in (0, 1, 2)


def test_a_notebook_has_the_rest(store: Path) -> None:
    opened = notebook.open(store)
    with pytest.warns(UserWarning, match="is left out") as told:
        frame = opened.frame()
    assert sorted(set(frame["run_id"])) == list(SOUND)
    assert len({str(one.message) for one in told}) == COUNT


@pytest.mark.parametrize("number", ["99999999", "9" * 30, "9" * 5000])
@pytest.mark.parametrize(
    "words",
    [
        "store prune --older-than",
        "store compact --older-than",
        "compare --axis run --last",
        "ack --reason x",
        "ack --remove",
    ],
)
def test_numbers_of_any_size_on_the_command_line(lab: Lab, store: Path, words: str, number: str) -> None:
    ran = lab(*words.split(), number)
    assert ran.code in (0, 1, 2, 5), ran.err
    assert len(ran.err) < 2000


def test_a_file_of_no_date_is_no_end_of_the_check(
    lab: Lab, keep: Keep, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """File systems keep times that no calendar has."""
    keep()
    real = Path.stat

    def beyond(self: Path, **kwargs: bool) -> os.stat_result:
        found = list(real(self, **kwargs))
        return os.stat_result((*found[:7], 2**60, 2**60, 2**60))

    monkeypatch.setattr(Path, "stat", beyond)
    assert lab("store", "check").code == 0


@pytest.mark.parametrize("words", ["runs", "dash --once", "regressions"])
def test_an_archive_with_text_that_is_no_utf_8_is_named_and_the_rest_is_shown(
    lab: Lab, home: Path, keep: Keep, words: str
) -> None:
    keep(run_id=SOUND[0])
    name = "archive-2026-11.parquet"
    shutil.copy(CASES / name, home / "profiles/local" / name)
    ran = lab(*words.split())
    assert ran.code == 0, ran.err
    # Folded where the line is full, in the middle of the path too.
    assert f"{name}:notawholearchive" in "".join((ran.out + ran.err).split())
    checked = lab("store", "check", "--json")
    assert checked.code == 1
    assert checked.document["runs"] == 2
    assert [one["kind"] for one in checked.document["findings"]] == ["damaged"]


def test_rows_that_are_nested_700_deep_are_refused_by_their_depth(lab: Lab) -> None:
    ran = lab("import", str(CASES / "llama-bench-nested-700.json"), "--target", "box")
    assert ran.code == 1
    assert "nested too deeply: 701 deep, and at most 64 is read" in ran.err
