"""lab import again and again: each row counts once, whatever the order and the pieces."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lab import store
from lab.analysis.exchange.imports.import_runs import sort_out
from lab.analysis.exchange.imports.save import save_all
from lab.analysis.exchange.readers.files import read_file
from lab.cli import main
from lab.formats.run_record import RunRecord
from tests.analysis.exchange.sources import CASES, FILES
from tests.cli.conftest import Lab
from tests.postgres import database, server

__all__ = ["database", "server"]

OLD_STORE = FILES / "old-store"
GROWING = [f"growing-{build}-{part}.jsonl" for build in "ab" for part in (1, 2, 3)]
GATE = ("gate", "--baseline", "aaaaaaa11", "--candidate", "bbbbbbb22", "--all")


def runs() -> list[RunRecord]:
    found = [store.read_entry(entry) for entry in store.entries()]
    assert all(isinstance(one, RunRecord) for one in found), found
    return [one for one in found if isinstance(one, RunRecord)]


def contents() -> list[tuple[str, str, list[Any]]]:
    """What is stored, but for the file that it came from."""
    cells = [[(one.prompt, one.generate, one.depth, one.repetitions) for one in run.cells] for run in runs()]
    return [(run.run_id, run.created_at, of) for run, of in zip(runs(), cells, strict=True)]


def take(lab: Lab, *names: str | Path) -> None:
    for name in names:
        ran = lab("import", str(CASES / name), "--target", "box")
        assert ran.code == 0, ran.err


def test_a_growing_file_counts_each_session_once(lab: Lab) -> None:
    take(lab, *GROWING)
    assert [(run.created_at, len(run.cells)) for run in runs()] == [
        ("2026-01-01T02:00:00Z", 3),
        ("2026-01-08T02:00:00Z", 3),
    ]
    assert [cell.prompt for cell in runs()[0].plan.cells] == [512, 0, 0]
    ran = lab(*GATE)
    assert ran.code == 0
    assert "inconclusive" in ran.out
    assert "slower" not in ran.out
    before = contents()
    take(lab, *GROWING)
    assert contents() == before
    assert lab("store", "check").code == 0


def test_what_became_of_each_run_is_told(lab: Lab) -> None:
    take(lab, "growing-a-1.jsonl")
    ran = lab("import", str(CASES / "growing-a-3.jsonl"), str(CASES / "growing-b-1.jsonl"), "--target", "box")
    assert "got 2 more tests" in ran.out
    assert "1 stored, 1 continued" in ran.out
    ran = lab("import", str(CASES / "growing-a-3.jsonl"), str(CASES / "growing-b-2.jsonl"), "--target", "box", "--json")
    first, second = ran.document["runs"]
    assert (first["outcome"], first["tests_known"]) == ("already here", 3)
    assert (second["outcome"], second["tests_added"], second["tests_known"]) == ("continued", 1, 1)


def test_each_row_has_the_date_of_its_session(lab: Lab) -> None:
    take(lab, "one-build-two-days-new-shape-later.jsonl")
    assert [(run.created_at[:10], [(c.prompt, c.generate) for c in run.cells]) for run in runs()] == [
        ("2026-01-01", [(512, 0)]),
        ("2026-01-09", [(512, 0), (0, 128)]),
    ]


@pytest.mark.parametrize("names", [("same-rows.csv", "same-rows.json"), ("same-rows.json", "same-rows.csv")])
def test_samples_take_the_place_of_means_whatever_comes_first(lab: Lab, names: tuple[str, str]) -> None:
    take(lab, *names, *names)
    (run,) = runs()
    assert [len(cell.repetitions) for cell in run.cells] == [3, 3]
    assert not any(one.mean_of is None for cell in run.cells for one in cell.repetitions)
    assert run.plan.repeats == 3
    assert lab("store", "check").code == 0


@pytest.mark.parametrize("name", sorted(path.name for path in OLD_STORE.iterdir()))
def test_a_store_of_the_version_before_makes_no_doubles(lab: Lab, home: Path, name: str) -> None:
    source, _, kept = name.partition("--")
    (home / "profiles" / "box").mkdir(parents=True)
    for path in OLD_STORE.glob(f"{source}--*"):
        shutil.copy(path, home / "profiles" / "box" / path.name.partition("--")[2])
    before = contents()
    (file,) = CASES.glob(f"{source}.*") if source != "same-rows" else [CASES / "same-rows.csv"]
    take(lab, file)
    assert contents() == before
    assert any(run_id in kept for run_id, *_ in before)


def test_a_run_of_the_version_before_goes_on(lab: Lab, home: Path) -> None:
    (old,) = OLD_STORE.glob("growing-a-2--*")
    (home / "profiles" / "box").mkdir(parents=True)
    shutil.copy(old, home / "profiles" / "box" / old.name.partition("--")[2])
    take(lab, "growing-a-3.jsonl")
    (run,) = runs()
    assert [(cell.prompt, cell.generate) for cell in run.cells] == [(512, 0), (0, 128), (0, 256)]


def test_rows_under_another_target_are_told_with_a_way_out(lab: Lab) -> None:
    take(lab, "growing-a-2.jsonl")
    ran = lab("import", str(CASES / "growing-a-3.jsonl"), "--target", "right")
    assert ran.code == 1
    assert "under target box" in ran.err
    (run,) = runs()
    assert f"lab store remove {run.run_id}" in ran.err
    assert lab("store", "remove", run.run_id, "--yes").code == 0
    assert lab("import", str(CASES / "growing-a-3.jsonl"), "--target", "right").code == 0
    assert [one.target.name for one in runs()] == ["right"]


def nights(count: int, seed: int) -> list[str]:
    """Rows of some sessions in the order of time: three tests a session, some again, some sessions minutes apart."""
    row = json.loads((CASES / "growing-a-1.jsonl").read_text())
    draw, lines, minute = random.Random(seed), [], 0
    for _ in range(count):
        minute += draw.choice([5, 90, 1440])
        for shape in draw.choice([[(512, 0), (0, 128)], [(512, 0), (0, 128), (0, 64)], [(0, 64)]]):
            minute += 1
            day, rest = divmod(minute, 1440)
            at = f"2026-02-{day + 1:02}T{rest // 60:02}:{rest % 60:02}:00Z"
            ns = draw.randrange(10**8, 10**9)
            tokens = sum(shape) * 1e9 / ns
            changes = {"test_time": at, "n_prompt": shape[0], "n_gen": shape[1], "avg_ns": ns, "avg_ts": tokens}
            lines.append(json.dumps({**row, **changes, "samples_ns": [ns], "samples_ts": [tokens]}))
    return lines


def imported(folder: Path, monkeypatch: pytest.MonkeyPatch, pieces: Sequence[Sequence[str]]) -> list[Any]:
    monkeypatch.setenv("LAB_HOME", str(folder))
    folder.mkdir()
    for piece in pieces:
        path = folder / "grows.jsonl"
        path.write_text("\n".join(piece) + "\n")
        assert main(["import", str(path), "--target", "box"]) == 0
    return contents()


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 999), data=st.data())
def test_any_pieces_of_a_growing_file_give_the_same_store(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, seed: int, data: st.DataObject
) -> None:
    lines = nights(4, seed)
    cuts = sorted(data.draw(st.sets(st.integers(1, len(lines)), max_size=3)))
    base = tmp_path_factory.mktemp("grows")
    whole = imported(base / "whole", monkeypatch, [lines])
    grown = imported(base / "grown", monkeypatch, [*(lines[:cut] for cut in cuts), lines])
    parts = imported(
        base / "parts", monkeypatch, [lines[a:b] for a, b in zip([0, *cuts], [*cuts, len(lines)], strict=True) if a < b]
    )
    assert grown == whole
    assert parts == whole


def test_a_database_grows_as_files_do(lab: Lab, database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    take(lab, *GROWING, "same-rows.csv", "same-rows.json")
    files = contents()
    monkeypatch.setenv("LAB_STORE", database)
    take(lab, *GROWING, "same-rows.csv", "same-rows.json")
    assert contents() == files
    first, second = runs()
    assert lab("store", "remove", first.run_id, "--yes").code == 0
    assert [run.run_id for run in runs()] == [second.run_id]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_two_imports_at_once_lose_no_row(home: Path, order: tuple[int, int]) -> None:
    files = [read_file(CASES / name, "box") for name in ("growing-a-2.jsonl", "growing-a-3.jsonl")]
    planned = [sort_out([file]) for file in files]  # neither knows of the other
    for place in order:
        save_all(planned[place])
    (run,) = runs()
    assert len(run.cells) == 3


def test_a_run_in_an_archive_goes_on(lab: Lab) -> None:
    take(lab, "growing-a-2.jsonl")
    assert lab("store", "compact", "--older-than", "0").code == 0
    take(lab, "growing-a-3.jsonl")
    assert [len(run.cells) for run in runs()] == [3]
    assert lab("store", "compact", "--older-than", "0").code == 0
    assert [len(run.cells) for run in runs()] == [3]


def test_an_imported_run_moves_to_another_store_byte_for_byte(lab: Lab, home: Path, tmp_path: Path) -> None:
    take(lab, "growing-a-2.jsonl", "growing-a-3.jsonl", "growing-b-1.jsonl")
    files = sorted((home / "profiles").rglob("*.json"))
    before = [path.read_bytes() for path in files]
    for path in files:
        copy = shutil.move(path, tmp_path / path.name)
        assert lab("import", str(copy)).code == 0
    assert [path.read_bytes() for path in files] == before


def test_a_run_that_cannot_be_read_is_not_replaced(lab: Lab, home: Path) -> None:
    take(lab, "growing-a-1.jsonl")
    (path,) = (home / "profiles").rglob("*.json")
    path.write_text(path.read_text()[:-20])
    damaged = path.read_text()
    ran = lab("import", str(CASES / "growing-a-2.jsonl"), "--target", "box")
    assert ran.code == 1
    assert "cannot be read" in ran.err
    assert "hint: " in ran.err
    assert path.read_text() == damaged


def test_rows_with_doubts_are_told_and_judged_by_nothing(lab: Lab, tmp_path: Path) -> None:
    sound = [json.loads(line) for line in (CASES / "growing-a-2.jsonl").read_text().splitlines()]
    nights = []
    for night in range(10):
        build = {"build_commit": "aaaaaaa11" if night < 5 else "bbbbbbb22"}
        for place, row in enumerate(sound):
            odd = {"samples_ts": [1.0] * 3, "samples_ns": [2 * one for one in row["samples_ns"]]}
            at = {"test_time": f"2026-01-{night + 1:02}T02:0{place}:00Z"}
            nights.append({**row, **build, **at, **(odd if night >= 5 and place else {})})
    file = tmp_path / "nights.json"
    file.write_text(json.dumps(nights))
    ran = lab("import", str(file), "--target", "box")
    assert (ran.code, "5 of 20 tests marked" in ran.err) == (0, True)
    assert "contradictory" in lab("runs").out
    ran = lab(*GATE)
    assert ran.code == 0
    assert "contradictory or impossible numbers" in ran.out
    assert "slower" not in ran.out
    assert "contradictory" in lab("dash", "--once").out
    assert "1 tok/s by its samples" in lab("show", "latest").out
    ran = lab("compare", "latest~9", "latest")
    assert "contradictory or impossible numbers" in ran.out
