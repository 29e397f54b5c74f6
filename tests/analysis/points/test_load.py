"""The points of a store come from a cache, and are what reading every file again would give."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from lab import store
from lab.analysis.points import load as loading
from lab.analysis.points.build import Builder
from lab.analysis.points.cache import kept_file, read_kept
from lab.analysis.points.load import load_points
from lab.analysis.points.table import Points, Runs
from lab.formats.run_record import Cell, RunRecord
from tests.formats.samples import record


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LAB_HOME", str(tmp_path))
    return tmp_path


def run(day: int, target: str = "local", speed: float = 10.0) -> RunRecord:
    one = record(run_id=f"202611{day:02d}-210000-ab12cd", created_at=f"2026-11-{day:02d}T21:00:00Z")
    repetition = replace(one.cells[0].repetitions[0], decode_tok_per_s=speed)
    cell = replace(one.cells[0], repetitions=(repetition,))
    return replace(one, target=replace(one.target, name=target), cells=(cell,), tags=(f"day-{day}",))


def naive(target: str | None = None) -> tuple[Points, list[str]]:
    builder, bad = Builder(), []
    for entry in store.entries(target):
        found = store.read_entry(entry)
        if isinstance(found, store.BadRun):
            bad.append(found.reason)
        else:
            builder.add(found, entry.place)
    return builder.points(), bad


def assert_same(ours: Points, theirs: Points) -> None:
    for one, other in ((ours, theirs), (ours.runs, theirs.runs)):
        for item in fields(Points if one is ours else Runs):
            mine, yours = getattr(one, item.name), getattr(other, item.name)
            if isinstance(mine, np.ndarray):
                np.testing.assert_array_equal(mine, yours, err_msg=item.name)
                assert mine.dtype == yours.dtype
            elif item.name != "runs":
                assert mine == yours, item.name


def assert_right(target: str | None = None) -> None:
    points, bad = naive(target)
    loaded = load_points(target)
    assert_same(loaded.points, points)
    assert [one.reason for one in loaded.bad] == bad


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The run ids of what load_points reads from now on."""
    seen: list[str] = []

    def read(wanted: Iterable[store.Entry]) -> Iterator[RunRecord | store.BadRun]:
        for entry in wanted:
            seen.append(entry.run_id)
            yield store.read_entry(entry)

    monkeypatch.setattr(loading, "read_entries", read)
    return seen


def test_whatever_happens_to_the_store_the_points_are_those_of_its_files() -> None:
    assert_right()
    paths = [Path(str(store.save(run(day, target)))) for day, target in ((3, "b"), (7, "a"), (5, "b"), (9, "local"))]
    assert_right()
    store.save(run(4, "a"))  # in the middle
    store.save(replace(run(6, "c"), cells=(Cell(8, 4, 0, "wrong_output", "SIGSEGV in prefill"),)))
    assert_right()
    store.save(run(7, "a", speed=20.0))  # another state of the same run
    assert_right()
    paths[0].write_text("{")
    assert_right()
    paths[2].unlink()
    assert_right()
    paths[0].unlink()
    for target in ("a", "b", "local", "nothing", None):
        assert_right(target)


def test_what_did_not_change_is_not_read_again(reads: list[str]) -> None:
    for day in (1, 2, 3):
        store.save(run(day))
    first = load_points()
    reads.clear()
    assert_same(load_points().points, first.points)
    assert reads == []


def test_after_one_new_run_only_that_one_is_read(reads: list[str]) -> None:
    for day in (1, 3):
        store.save(run(day))
    load_points()
    reads.clear()
    new = run(2)
    store.save(new)
    assert load_points().points.runs.run_id == [run(1).run_id, new.run_id, run(3).run_id]
    assert reads == [new.run_id]


def test_a_damaged_file_is_named_every_time_and_read_once(reads: list[str]) -> None:
    store.save(run(1))
    path = Path(str(store.save(run(2))))
    path.write_text(path.read_text()[:200])
    first = load_points()
    reads.clear()
    (bad,) = load_points().bad
    assert (bad.path, bad.reason) == (path, first.bad[0].reason)
    assert "not valid JSON" in bad.reason
    assert reads == []


def test_a_damaged_file_that_is_repaired_counts() -> None:
    path = Path(str(store.save(run(1))))
    whole = path.read_bytes()
    path.write_bytes(whole[:200])
    assert load_points().bad
    path.write_bytes(whole)
    assert_right()


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.99])
def test_a_cache_cut_short_is_made_again(share: float) -> None:
    store.save(run(1))
    load_points()
    whole = kept_file().read_bytes()
    kept_file().write_bytes(whole[: int(len(whole) * share)])
    assert read_kept(kept_file()) is None
    assert_right()
    assert read_kept(kept_file()) is not None


def test_no_flipped_byte_of_the_cache_is_believed() -> None:
    store.save(run(1))
    load_points()
    whole = kept_file().read_bytes()
    for place in range(0, len(whole), 97):
        broken = bytearray(whole)
        broken[place] ^= 0x55
        kept_file().write_bytes(bytes(broken))
        assert_right()


def test_points_of_other_code_are_not_believed(monkeypatch: pytest.MonkeyPatch, reads: list[str]) -> None:
    store.save(run(1))
    load_points()
    reads.clear()
    monkeypatch.setattr("lab.analysis.points.cache.origin", lambda: "other code")
    assert_right()
    assert reads == [run(1).run_id]


def test_a_cache_that_cannot_be_written_costs_time_alone(home: Path) -> None:
    store.save(run(1))
    (home / "compiled").write_text("in the way")
    assert_right()


def test_a_reading_that_is_stopped_goes_on_where_it_was(monkeypatch: pytest.MonkeyPatch, reads: list[str]) -> None:
    monkeypatch.setattr(loading, "KEPT_EVERY", 2)
    for day in range(1, 6):
        store.save(run(day))

    def stop(wanted: Iterable[store.Entry]) -> Iterator[RunRecord | store.BadRun]:
        for entry in wanted:
            if entry.run_id == run(4).run_id:
                raise KeyboardInterrupt
            yield store.read_entry(entry)

    with monkeypatch.context() as patch:
        patch.setattr(loading, "read_entries", stop)
        with pytest.raises(KeyboardInterrupt):
            load_points()
    assert_right()
    assert reads == [run(day).run_id for day in (3, 4, 5)]


def test_two_at_once_get_the_same(home: Path) -> None:
    for day in range(1, 20):
        store.save(run(day))
    code = "from lab.analysis.points.load import load_points; print(load_points().points.runs.run_id)"
    both = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [one.communicate()[0] for one in both]
    assert said == [f"{[run(day).run_id for day in range(1, 20)]}\n"] * 2
    assert_right()
    assert [path.name for path in kept_file().parent.iterdir()] == [kept_file().name]


def test_stores_in_other_databases_have_caches_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    files = kept_file()
    monkeypatch.setenv("LAB_STORE", "postgresql://user:secret@host/lab")
    assert kept_file() != files
    assert "secret" not in str(kept_file())
