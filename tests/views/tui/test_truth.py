"""What the screens say first: what got worse, what is not known yet, what gave no numbers, what is out of sight."""

from __future__ import annotations

import asyncio
import re
import threading
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from textual.widgets import DataTable

from lab.analysis.boards.build import Changes
from lab.store import save
from lab.views.tui.ack_dialog import AckDialog
from lab.views.tui.app import LabApp
from lab.views.tui.source import Snapshot, Source
from tests.analysis.boards.samples import failed, nights, stepped
from tests.views.tui.driving import drive, press, screen_text, settled, small_store, stored


def lost(at: int = 21) -> None:
    """A target that lost 8 % of decode so long ago that it is within what the newest sessions are compared with."""
    for run in nights(stepped(48, at, 0.92)):
        save(run)


@dataclass(frozen=True)
class Slow(Source):
    """A store in whose histories the search for changes takes until it is let go."""

    go: threading.Event = field(default_factory=threading.Event)

    def changes(self, snapshot: Snapshot) -> Changes:
        with self.count.phase("looking for changes", 576, "series") as advance:
            advance(120)
            self.go.wait(30)
        return super().changes(snapshot)


@pytest.mark.parametrize("name", ["regressions", "overview"])
def test_what_is_not_known_yet_is_not_said_to_be_none(name: str) -> None:
    lost()
    source = Slow()
    app = LabApp(name, source, follow=False)

    async def run() -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            while app.main.board is None:
                await pilot.pause(0.01)
            app.main._count()
            await pilot.pause()
            text = screen_text(app)
            assert "ooking for changes: 120 of 576 series" in text
            assert "no change" not in text
            assert "no open" not in text
            assert "Nothing to show" not in text
            assert ("not judged yet" in text) is (name == "overview")
            source.go.set()
            await settled(app, pilot)
            assert "2 open regressions: g" in screen_text(app)

    asyncio.run(asyncio.wait_for(run(), 60))


def test_where_nothing_changed_it_is_said_of_how_many_series() -> None:
    for run in nights(stepped(24, 24, 1.0)):
        save(run)

    async def play(app: LabApp, pilot: Any) -> None:
        assert "no change was found in 6 series" in screen_text(app)
        assert "no open regression" in screen_text(app)

    drive(play, "regressions")


def test_too_few_sessions_are_no_all_clear() -> None:
    small_store()

    async def play(app: LabApp, pilot: Any) -> None:
        assert "no series has 20 sessions yet" in screen_text(app)
        assert "no open regression" not in screen_text(app)

    drive(play, "regressions")


def test_the_opening_board_counts_open_regressions_and_one_key_goes_there_and_another_accepts() -> None:
    lost()

    async def play(app: LabApp, pilot: Any) -> None:
        head, *_ = screen_text(app).splitlines()
        assert head.startswith("lab · Overview · 2 open regressions: g · 48 runs")
        assert "slower" in screen_text(app)
        await press(app, pilot, "g")
        assert app.main.board_name == "regressions"
        row = next(line for line in screen_text(app).splitlines() if "Decode" in line and "%" in line)
        assert row.split()[-3:-1] == ["-8.0", "%"] or "open" in row
        assert "│" in screen_text(app)
        await press(app, pilot, "a")
        assert isinstance(app.screen, AckDialog)
        await press(app, pilot, *"known", "enter")
        assert "1 open regression: g" in screen_text(app)

    drive(play)


def test_below_a_change_stand_its_own_session_and_the_newest() -> None:
    lost()

    async def play(app: LabApp, pilot: Any) -> None:
        text = screen_text(app)
        assert "48 sessions · newest 2026-04-17 21:00 UTC · 27 since 2026-03-22 21:00, run 20260322-210000-" in text
        assert "slower: slower" not in text
        await press(app, pilot, "enter")
        sessions = app.screen.query_one(DataTable)
        assert sessions.row_count == 48
        assert "20260322" in str(sessions.get_cell_at((sessions.cursor_row, 1)))  # type: ignore[arg-type]

    drive(play, "regressions", size=(160, 40))


def test_an_opened_change_shows_the_run_that_brought_it_and_a_key_the_newest() -> None:
    lost()

    async def play(app: LabApp, pilot: Any) -> None:
        await press(app, pilot, "enter")
        text = screen_text(app)
        assert re.search(
            r"run 20260322-210000-\w+ of 2026-03-22.*: the first at the new level; n: the newest run", text
        )
        assert "baseline run 20260321-210000-" in text  # the last one before
        await press(app, pilot, "n")
        text = screen_text(app)
        assert re.search(r"run 20260417-210000-\w+ of 2026-04-17.*: the newest; n: the first at the new level", text)
        await press(app, pilot, "n")
        assert "run 20260322-210000-" in screen_text(app).partition("SAMPLES")[0]

    drive(play, "regressions", size=(160, 60))


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
def test_an_opened_change_has_sessions_on_both_sides_in_sight(size: tuple[int, int]) -> None:
    lost()

    async def play(app: LabApp, pilot: Any) -> None:
        await press(app, pilot, "enter")
        await pilot.pause()
        listed = screen_text(app).partition("───")[0]
        for day in ("2026-03-20", "2026-03-21", "2026-03-22", "2026-03-23"):
            assert f"{day} 21:00" in listed

    drive(play, "regressions", size=size)


def test_of_a_place_that_is_about_no_change_the_newest_run_is_shown() -> None:
    small_store()

    async def play(app: LabApp, pilot: Any) -> None:
        await press(app, pilot, "enter")
        before = screen_text(app)
        assert "n: the" not in before
        await press(app, pilot, "n")
        assert "this is the newest run" in screen_text(app)

    drive(play, size=(120, 40))


def test_sessions_without_numbers_are_rows_with_their_reason() -> None:
    for day in range(1, 8):
        stored(day)
    for day in range(8, 11):
        stored(day, cells=failed())

    async def play(app: LabApp, pilot: Any) -> None:
        assert "10 sessions · 3 without numbers · newest 2026-11-10" in screen_text(app)
        await press(app, pilot, "enter")
        sessions = app.screen.query_one(DataTable)
        assert sessions.row_count == 10
        first = [str(sessions.get_cell_at((0, place))) for place in range(6)]  # type: ignore[arg-type]
        assert first[1] == "20261110-070531-010abc"
        assert first[5] == "failed: killed by SIGSEGV"

    drive(play, size=(120, 40))


def test_columns_that_are_out_of_sight_are_counted() -> None:
    small_store()

    async def play(app: LabApp, pilot: Any) -> None:
        assert re.search(r"column(s 1-\d| 1) of 6 →", screen_text(app)), screen_text(app)
        await press(app, pilot, *["right"] * 5)
        assert re.search(r"column(s \d-6| 6) of 6 ←(?!→)", screen_text(app)), screen_text(app)

    drive(play, "device", size=(90, 24))


def test_all_that_fits_is_not_counted() -> None:
    small_store()

    async def play(app: LabApp, pilot: Any) -> None:
        assert " of 2" not in screen_text(app)

    drive(play)


def test_what_most_values_are_of_is_said_once_and_the_others_say_it_themselves() -> None:
    small_store()
    stored(8, target="zero", speed=3.0, cells=[{**failed()[0], "prompt": 7}])

    async def play(app: LabApp, pilot: Any) -> None:
        text = screen_text(app)
        assert "Decode and 3 more · pp512+tg128 unless a cell names another" in text
        assert sum("pp512+tg128" in line for line in text.splitlines()[:10]) == 1
        assert any("pp7+tg128" in line for line in text.splitlines() if "zero" in line)

    drive(play)


@pytest.mark.parametrize("size", [(40, 12), (60, 15)])
def test_a_small_terminal_has_rows(size: tuple[int, int]) -> None:
    small_store()

    async def play(app: LabApp, pilot: Any) -> None:
        text = screen_text(app)
        assert sum(name in text for name in ("local", "pixel")) == 2
        assert "tok/s" in text
        await press(app, pilot, "enter")
        assert "20261106" in screen_text(app) or "20261107" in screen_text(app)

    drive(play, size=size)


def test_one_that_is_too_small_says_what_it_needs() -> None:
    small_store()

    async def play(app: LabApp, pilot: Any) -> None:
        assert "needs 40x10, this terminal has 30x6" in " ".join(screen_text(app).split())
        await pilot.resize_terminal(80, 24)
        await settled(app, pilot)
        assert "tok/s" in screen_text(app)

    drive(play, size=(30, 6))


def test_names_that_do_not_fit_keep_their_ends() -> None:
    for quant in ("q4", "q8"):
        stored(1 if quant == "q4" else 2, target="a-device-of-a-long-name", model=f"phi3-mini-128k-instruct-{quant}")

    async def play(app: LabApp, pilot: Any) -> None:
        rows = [line for line in screen_text(app).splitlines() if "tok/s" in line]
        assert len({line.partition("tok/s")[0] for line in rows}) == len(rows) == 2

    drive(play, "device", size=(60, 20))


def test_an_empty_store_says_where_it_looked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_HOME", str(tmp_path / "nowhere"))

    async def play(app: LabApp, pilot: Any) -> None:
        assert f"{tmp_path}/nowhere, which does not exist" in screen_text(app).replace("\n", "").replace("  ", " ")

    drive(play, size=(200, 24))


def test_one_long_gap_leaves_the_axis_to_the_others_and_what_never_changed_is_said_once() -> None:
    record = nights([10.0])[0]
    gaps = tuple([0.140 + 0.001 * (place % 20) for place in range(21)] + [0.900])
    state = {"t_s": [0, 1, 2], "cpu_mhz": [[2445, 2445]] * 3, "die_temp_c": [50, 51, 52]}
    cell = record.cells[0]
    one = replace(cell.repetitions[0], itl_s=gaps, state_during=state)
    same = [replace(one, index=place, order=place) for place in range(3)]
    save(replace(record, cells=(replace(cell, repetitions=tuple(same)),)))

    async def play(app: LabApp, pilot: Any) -> None:
        await press(app, pilot, "enter")
        text = screen_text(app)
        assert text.count("2445 MHz") == 1
        assert "clock 2445 MHz throughout" in text
        assert text.count(" to 52 °C") == 3
        latency = text.partition("INTER-TOKEN LATENCY")[2].partition("MEMORY")[0]
        assert sum("█" in line for line in latency.splitlines()) >= 5
        assert "p50" in latency
        assert "900" in latency

    drive(play, size=(120, 100))
