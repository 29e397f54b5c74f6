"""Change points that are kept are those that a search finds, and are believed as long as nothing has changed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.analysis.history import stored
from lab.analysis.history.change_points import ChangePoint, Search, search
from lab.analysis.history.stored import FIRST, Known, changes_file, stored_history
from lab.analysis.points.cache import ROOT, digest_of
from lab.core.progress import Advance
from tests.analysis.history.histories import KEY, history, key, noise, stepped

OTHER = key(metric="ttft_s")


class Counted:
    """The search, and in how many series it looked."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, several: Sequence[Search]) -> list[tuple[ChangePoint, ...]]:
        self.calls += len(several)
        return search(several)


@pytest.fixture
def searched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Counted:
    monkeypatch.setenv("LAB_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    counted = Counted()
    monkeypatch.setattr(stored, "search", counted)
    return counted


def test_an_unchanged_store_is_not_searched_again(searched: Counted) -> None:
    points = history({KEY: stepped(60, 40, 0.9, seed=1), OTHER: noise(60, 2)})
    first = stored_history(points)
    assert searched.calls == 2
    assert stored_history(points).changes == first.changes
    assert [change.word for change in first.changes] == ["slower"]
    assert searched.calls == 2


def test_a_session_more_costs_the_search_of_its_own_series(searched: Counted) -> None:
    values = stepped(60, 40, 0.9, seed=1)
    stored_history(history({KEY: [*values, np.nan], OTHER: noise(61, 2)}))
    searched.calls = 0
    stored_history(history({KEY: [*values, values[-1]], OTHER: noise(61, 2)}))
    assert searched.calls == 1


def test_what_the_search_depends_on_is_part_of_the_key(searched: Counted, tmp_path: Path) -> None:
    known = Known(tmp_path / "x.json")
    values = np.asarray(stepped(60, 40, 0.9, seed=1))
    found, none, _ = known.find([Search(values, 0.001, 0.05), Search(values, 0.001, 0.5), Search(values, 0.002, 0.05)])
    assert [one.index for one in found] == [40]
    assert none == ()
    assert searched.calls == 3


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"schema": 1, "origin": "another", "found": {}}', b"\xff"])
def test_what_cannot_be_believed_is_searched_anew(searched: Counted, content: bytes) -> None:
    points = history({KEY: stepped(60, 40, 0.9, seed=1)})
    first = stored_history(points)
    changes_file().write_bytes(content)
    assert stored_history(points).changes == first.changes
    assert searched.calls == 2


def test_a_row_that_is_no_change_point_is_searched_anew(searched: Counted) -> None:
    points = history({KEY: stepped(60, 40, 0.9, seed=1)})
    first = stored_history(points)
    changes_file().write_text(changes_file().read_text().replace("[[40,", '[["40",'))
    assert stored_history(points).changes == first.changes


def test_series_that_are_gone_are_forgotten_after_a_while(
    searched: Counted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored, "UNUSED", 2)
    for seed in range(6):
        Known(tmp_path / "x.json").find([Search(np.asarray(noise(30, seed)), 0.001, 0.05)])
    assert len(Known(tmp_path / "x.json")._before) == 3


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.5, 2.0), st.integers(20, 60))
def test_kept_ones_are_the_found_ones_to_the_last_digit(
    tmp_path_factory: pytest.TempPathFactory, seed: int, ratio: float, count: int
) -> None:
    path = tmp_path_factory.mktemp("kept") / "x.json"
    asked = [Search(np.asarray(stepped(count, count // 2, ratio, seed=seed)), 0.001, 0.05)]
    found = search(asked)
    assert Known(path).find(asked) == found
    assert list(Known(path)._before.values()) == found
    assert Known(path).find(asked) == found


def test_other_code_that_searches_is_another_origin(tmp_path: Path) -> None:
    copy = tmp_path / "lab"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns("__pycache__", "*.cc", "*.h"))
    names = ("change_points", "energy", "newest_level", "regressions", "chains")
    origins = {}
    for name in names:
        path = copy / f"analysis/history/{name}.py"
        before = path.read_text()
        path.write_text(before + "\nX = 1\n")
        origins[name] = digest_of(copy, FIRST)
        path.write_text(before)
    same = digest_of(ROOT, FIRST)
    assert [name for name in names if origins[name] == same] == ["regressions", "chains"]


def test_progress_counts_the_series_that_are_searched(searched: Counted, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[object] = []

    class Told:
        @contextmanager
        def phase(self, name: str, total: float | None = None, unit: str = "") -> Iterator[Advance]:
            told.append((name, total, unit))
            yield told.append

        def note(self, text: str) -> None:
            """No note is expected."""

    points = history({KEY: noise(30, 1), OTHER: noise(30, 2)})
    monkeypatch.setattr(stored, "WORTH_SAYING", 2)
    for _ in range(2):
        stored_history(points, Told())
    assert told == [("looking for changes", 2, "series"), 1, 1]
