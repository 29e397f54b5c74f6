"""The dashboard in the terminal: keys, filter, order, what lands, what is damaged."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from textual.coordinate import Coordinate
from textual.widgets import DataTable

from lab.store import save
from lab.views.tui.app import LabApp
from lab.views.tui.source import Snapshot, Source
from tests.analysis.exchange.sources import records
from tests.views.snapshot import FOLDER
from tests.views.tui.driving import HOSTILE, drive, names, press, screen_text, settled, small_store, stored

CASES = Path(__file__).parents[2] / "cases" / "data"
SIZES = pytest.mark.parametrize("size", [(80, 24), (200, 60)], ids=["80x24", "200x60"])


def check(name: str, text: str, size: tuple[int, int]) -> None:
    """Hold the screen against the stored picture."""
    path = FOLDER / f"tui-{name}-{size[0]}x{size[1]}.txt"
    if os.environ.get("LAB_UPDATE_SNAPSHOTS") == "1":
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


@SIZES
@pytest.mark.parametrize(
    "keys", ["", "1", "2", "question_mark", "enter"], ids=["overview", "compare", "device", "help", "cell"]
)
def test_pictures(size: tuple[int, int], keys: str, request: pytest.FixtureRequest) -> None:
    small_store()

    async def play(app: LabApp, pilot: Any) -> None:
        await press(app, pilot, *([keys] if keys else []))
        text = screen_text(app)
        assert all(len(line) <= size[0] for line in text.splitlines())
        check(request.node.callspec.id.split("-")[0], text, size)

    drive(play, size=size)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
def test_siblings_have_rows_and_an_opened_one_has_its_own_sessions(size: tuple[int, int]) -> None:
    for run in records(CASES / "pocketpal-cpu-halved-in-the-last-3-of-30-nights.json"):
        save(run)

    async def play(app: LabApp, pilot: Any) -> None:
        table = screen_text(app).splitlines()[:7]  # what is below is in the words of the judge
        check("siblings", "\n".join(table) + "\n", size)
        await press(app, pilot, "down", "enter")
        text = screen_text(app)
        assert "box · tiny-q4_0 · llama.cpp · tg64 · Decode · hexagon" in text
        rates = [line.split()[3] for line in text.splitlines() if line.strip().startswith("2026-")]
        assert rates
        assert all(rate.startswith(("4.9", "5.0", "5.1")) for rate in rates)

    drive(play, size=size)


def test_filter_takes_words_as_they_are_typed_and_escape_clears_it() -> None:
    small_store()

    async def play(app: LabApp, pilot: Any) -> None:
        await press(app, pilot, "slash", *"pix")
        assert names(app) == ["pixel"]
        await press(app, pilot, "space", *"medium")
        assert names(app) == []
        assert "Nothing on this dashboard has all of" in screen_text(app)
        await press(app, pilot, "escape")
        assert names(app) == ["local", "pixel"]

    drive(play)


def test_order_by_the_column_under_the_cursor_and_turned_round() -> None:
    small_store()
    stored(8, target="zero", speed=3.0)

    async def play(app: LabApp, pilot: Any) -> None:
        grid = app.main.query_one(DataTable)
        grid.cursor_coordinate = Coordinate(0, 2)
        await press(app, pilot, "s", "s", "s", "s")
        assert "by phi3-mini-q4" in screen_text(app)
        assert names(app) == ["zero", "pixel", "local"]
        await press(app, pilot, "S")
        assert names(app) == ["local", "pixel", "zero"]

    drive(play)


def test_metric_and_dashboard_keys() -> None:
    small_store()

    async def play(app: LabApp, pilot: Any) -> None:
        await press(app, pilot, "m", "m")
        assert "Prefill · " in screen_text(app)
        assert "50.0 tok/s" in screen_text(app)
        await press(app, pilot, "1")
        assert app.main.board is not None
        assert app.main.board.name == "compare"
        await press(app, pilot, "d")
        assert app.main.board.name == "device"

    drive(play)


def test_another_dashboard_begins_at_its_upper_left_and_takes_keys() -> None:
    small_store()

    async def play(app: LabApp, pilot: Any) -> None:
        await press(app, pilot, "down", "right", "1")
        grid = app.main.query_one(DataTable)
        assert (grid.cursor_row, grid.scroll_offset) == (0, (0, 0))
        await press(app, pilot, "down", "down")
        assert grid.cursor_row == 2
        await press(app, pilot, "2", "right", "right", "right")
        assert screen_text(app).splitlines()[3].startswith(" Target  Model           ")  # fixed, and whole
        assert grid.scroll_offset.x > 0

    drive(play)


def test_a_run_that_lands_is_counted_and_the_cursor_stays() -> None:
    small_store()

    async def play(app: LabApp, pilot: Any) -> None:
        await press(app, pilot, "down")
        assert app.main.query_one(DataTable).cursor_row == 1
        stored(9, target="aaa")
        await app.look()
        await settled(app, pilot)
        assert names(app) == ["aaa", "local", "pixel"]
        assert app.main.query_one(DataTable).cursor_row == 2
        assert "1 new run" in screen_text(app)
        await press(app, pilot, "down")
        assert "1 new run" not in screen_text(app)

    drive(play)


def test_looking_at_a_store_that_is_as_it_was_reads_nothing() -> None:
    small_store()

    async def play(app: LabApp, pilot: Any) -> None:
        before = app.snapshot
        await app.look()
        assert app.snapshot is before

    drive(play)


def test_an_empty_store_says_what_to_do_first_and_then_shows_the_first_run() -> None:
    async def play(app: LabApp, pilot: Any) -> None:
        assert "lab run --target local" in screen_text(app)
        stored(1)
        await app.look()
        await settled(app, pilot)
        assert names(app) == ["local"]

    drive(play)


def test_damaged_profiles_are_named_and_hide_nothing(tmp_path: Path) -> None:
    small_store()
    (tmp_path / "profiles" / "local" / "20261123T000000Z--phi3-mini-q4--20261123-000000-ffffff.json").write_text("{")

    async def play(app: LabApp, pilot: Any) -> None:
        text = screen_text(app)
        assert "1 damaged" in text
        assert "20261123-000000-ffffff.json" in text
        assert names(app) == ["local", "pixel"]

    drive(play, size=(120, 40))


def test_hostile_text_is_shown_and_does_nothing() -> None:
    cells = [
        {
            "prompt": 8,
            "generate": 4,
            "depth": 0,
            "status": "wrong_output",
            "reason": HOSTILE,
            "repetitions": [],
            "memory": None,
        }
    ]
    stored(1, cells=cells)

    async def play(app: LabApp, pilot: Any) -> None:
        for keys in ([], ["enter"], ["enter"]):  # the board, the cell, the run
            await press(app, pilot, *keys)
            text = screen_text(app)
            assert not set(text) & {"\x1b", "\x07"}
            assert "[bold red]x[/] [@click=app.quit]y[/]" in text
        assert app.is_running

    drive(play, size=(160, 60))


@dataclass(frozen=True)
class Failing(Source):
    def load(self) -> Snapshot:
        raise RuntimeError("the disk is on fire")


def test_an_error_beside_the_screen_is_a_message() -> None:
    async def play(app: LabApp, pilot: Any) -> None:
        assert "this went wrong: RuntimeError: the disk is on fire" in screen_text(app)
        assert "Traceback" not in screen_text(app)

    assert drive(play, source=Failing()).crash is None


def test_the_traceback_of_a_bug_is_kept_once_however_often_it_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    async def play(app: LabApp, pilot: Any) -> None:
        await app.look()
        await app.look()
        (kept,) = tmp_path.glob("lab-bug-*.txt")
        assert "RuntimeError: the disk is on fire" in kept.read_text()
        assert "in load" in kept.read_text()
        await pilot.pause()
        assert kept.name in screen_text(app).replace("\n", "")

    drive(play, source=Failing(), size=(200, 24))


@pytest.mark.parametrize("key", ["q", "ctrl+c"])
def test_leaving(key: str) -> None:
    small_store()

    async def play(app: LabApp, pilot: Any) -> None:
        await pilot.press(key)

    app = drive(play)
    assert (app.return_value, app.return_code) == (0, 0)


@pytest.mark.parametrize("term", ["linux", "xterm"])
def test_a_terminal_without_unicode_gets_ascii(term: str, monkeypatch: pytest.MonkeyPatch) -> None:
    small_store()
    monkeypatch.setenv("TERM", term)
    monkeypatch.setattr("sys.__stderr__.isatty", lambda: True)

    async def play(app: LabApp, pilot: Any) -> None:
        assert screen_text(app).isascii() == (term == "linux")

    drive(play)
