"""lab import and lab export, as a user does it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.analysis.exchange.sources import FILES, LLAMA, llama_rows, written
from tests.cli.conftest import Keep, Lab

JSON = str(FILES / "llama-bench.json")


def stored(home: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (home / "profiles").rglob("*.json")}


def test_an_import_is_stored_and_shown(lab: Lab) -> None:
    ran = lab("import", JSON, "--target", "box")
    assert ran.code == 0
    assert "1 stored" in ran.out
    assert "phi3-3b-q4_0" in lab("runs").out
    page = lab("show", "latest")
    assert page.code == 0
    assert "Measured by llama-bench, by its rules" in page.out
    assert "None" not in page.out


def test_importing_twice_changes_nothing(lab: Lab, home: Path) -> None:
    lab("import", JSON, "--target", "box")
    before = stored(home)
    ran = lab("import", JSON, "--target", "box")
    assert ran.code == 0
    assert "1 already here: nothing changed" in ran.out
    assert stored(home) == before


def test_all_formats_of_the_same_runs_are_two_runs(lab: Lab, home: Path) -> None:
    ran = lab("import", *(str(FILES / name) for name in LLAMA), "--target", "box", "--json")
    assert [run["outcome"] for run in ran.document["runs"]] == ["new", "new", "already here", "already here"]
    kept = [json.loads(text) for text in stored(home).values()]
    assert all(one["extra"] if "extra" in one else len(one["cells"][0]["repetitions"]) == 3 for one in kept)


def test_nothing_of_a_bad_file_is_stored_and_nothing_of_the_good_one_beside_it(lab: Lab, home: Path) -> None:
    bad = written(home, [{**llama_rows()[0], "avg_ns": "x"}])
    ran = lab("import", JSON, str(bad), "--target", "box")
    assert (ran.code, ran.out) == (1, "")
    assert "row 1: avg_ns: expected a whole number" in ran.err
    assert stored(home) == {}


def test_a_dry_run_stores_nothing(lab: Lab, home: Path) -> None:
    assert "1 would be stored" in lab("import", JSON, "--target", "box", "--dry-run").out
    assert stored(home) == {}


def test_another_run_under_the_same_id_is_an_error(lab: Lab, home: Path) -> None:
    lab("import", JSON, "--target", "box")
    before = stored(home)
    ran = lab("import", JSON, "--target", "other")
    assert ran.code == 1
    assert "stored already in run" in ran.err
    assert stored(home) == before


def test_a_run_moves_to_another_store_and_back(lab: Lab, keep: Keep, home: Path, tmp_path: Path) -> None:
    keep()
    (path,) = (home / "profiles").rglob("*.json")
    copy = shutil.copy(path, tmp_path / "run.json")
    assert "already here" in lab("import", str(copy)).out
    before = stored(home)
    path.unlink()
    assert "1 stored" in lab("import", str(copy)).out
    assert stored(home) == before


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        ((JSON,), "name it with --target"),
        ((JSON, "--target", "../x"), "cannot be the name of a target"),
        ((JSON, "--target", "box", "--format", "llama-bench-jso"), "Did you mean 'llama-bench-json'"),
        ((), "Missing argument"),
    ],
)
def test_usage(lab: Lab, argv: tuple[str, ...], said: str) -> None:
    ran = lab("import", *argv)
    assert ran.code == 2
    assert said in ran.err


def test_a_missing_file_and_a_wrong_format(lab: Lab) -> None:
    assert "cannot read: No such file" in lab("import", "nowhere.json", "--target", "box").err
    ran = lab("import", JSON, "--target", "box", "--format", "llama-bench-csv")
    assert (ran.code, ran.out) == (1, "")


def test_lab_does_not_go_on_with_what_another_program_began(lab: Lab) -> None:
    lab("import", JSON, "--target", "box")
    ran = lab("run", "--resume", "latest")
    assert ran.code == 2
    assert "was imported" in ran.err


def test_imported_runs_and_labs_own_are_not_comparable(lab: Lab, keep: Keep) -> None:
    keep()
    lab("import", JSON, "--target", "local")
    ran = lab("compare", "latest~1", "latest")
    assert ran.code == 5
    assert "measured by different rules: 1 and llama-bench" in ran.out


@pytest.mark.parametrize("format_", ["llama-bench", "bencher", "csv", "jsonl"])
def test_export_to_stdout_and_to_a_file(lab: Lab, keep: Keep, tmp_path: Path, format_: str) -> None:
    keep()
    ran = lab("export", "latest", "--format", format_)
    assert ran.code == 0
    assert ran.err == ""
    path = tmp_path / "out"
    assert lab("export", "latest", "--format", format_, "-o", str(path)).out.strip() == ""
    assert path.read_text() == ran.out


def test_conbench_needs_a_repository(lab: Lab, keep: Keep) -> None:
    keep()
    assert lab("export", "latest", "--format", "conbench").code == 2
    ran = lab("export", "latest", "--format", "conbench", "--repository", "https://github.com/o/r")
    assert {one["github"]["repository"] for one in ran.document} == {"https://github.com/o/r"}
