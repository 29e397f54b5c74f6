"""From the dashboard to a cell, to a run, to two runs; and accepting a level."""

from __future__ import annotations

from typing import Any

import pytest
from textual.widgets import DataTable

from lab.formats.acks import load_acks
from lab.views.tui.ack_dialog import AckDialog
from lab.views.tui.app import LabApp
from tests.analysis.documents import DOCUMENT
from tests.views.tui.driving import drive, press, screen_text, small_store, stored


@pytest.fixture(autouse=True)
def _stored(_terminal: None) -> None:
    small_store()


async def to_the_mini_model(app: LabApp, pilot: Any) -> None:
    """Put the cursor on the cell that has five sessions."""
    grid = app.main.query_one(DataTable)
    grid.move_cursor(row=0, column=2)
    await pilot.pause()


def test_enter_opens_a_cell_then_one_of_its_sessions_and_escape_goes_back() -> None:
    async def play(app: LabApp, pilot: Any) -> None:
        await to_the_mini_model(app, pilot)
        await press(app, pilot, "enter")
        sessions = app.screen.query_one(DataTable)
        assert sessions.row_count == 5
        assert "20261105-070531-005abc" in str(sessions.get_cell_at((0, 1)))  # type: ignore[arg-type]
        text = screen_text(app)
        for title in ("SAMPLES", "INTER-TOKEN LATENCY", "MEMORY OVER TIME", "ROOFLINE", "TEMPERATURE"):
            assert title in text
        await press(app, pilot, "down", "enter")
        assert "REPETITIONS OF pp512+tg128" in screen_text(app)
        assert "20261104-070531-004abc" in screen_text(app)
        await press(app, pilot, "escape", "escape")
        assert app.screen is app.main

    drive(play, size=(120, 100))


def test_two_marked_runs_are_shown_side_by_side() -> None:
    async def play(app: LabApp, pilot: Any) -> None:
        await press(app, pilot, "c")
        assert "mark two runs with Space first" in screen_text(app)
        await to_the_mini_model(app, pilot)
        await press(app, pilot, "enter", "space", "down", "space", "c")
        text = screen_text(app)
        assert "side: 20261104-070531-004abc, 20261105-070531-005abc" in text  # the older one is the baseline
        assert "inconclusive" in text

    drive(play, size=(120, 40))


@pytest.mark.parametrize("emulated", [True, False])
def test_emulated_runs_are_compared_with_each_other_alone_and_that_is_said(emulated: bool) -> None:
    other = {**DOCUMENT["device"], "emulated": True}
    first = stored(20, target="phone", device=other)
    second = stored(21, target="phone", device={**other, "emulated": emulated})

    async def play(app: LabApp, pilot: Any) -> None:
        sessions = ["enter", "space", "down", "space"] if emulated else ["space", "down", "space"]  # one place, or two
        await press(app, pilot, "slash", *"phone", "enter", *sessions, "c")
        text = screen_text(app)
        assert first in text
        assert second in text
        assert ("Both runs are of emulated devices" in text) == emulated
        assert ("an emulated device" in text) != emulated

    drive(play, size=(120, 40))


def test_where_nothing_got_worse_there_is_nothing_to_accept() -> None:
    async def play(app: LabApp, pilot: Any) -> None:
        await to_the_mini_model(app, pilot)
        await press(app, pilot, "a")
        assert app.screen is app.main
        assert "nothing to accept" in screen_text(app)
        await press(app, pilot, "down")
        assert "nothing to accept" not in screen_text(app)

    drive(play)
    assert load_acks() == ()


def test_accepting_asks_for_a_reason_and_keeps_level_and_commit() -> None:
    first = slowed_down()

    async def play(app: LabApp, pilot: Any) -> None:
        await press(app, pilot, "slash", *"fell", "enter", "a")
        assert isinstance(app.screen, AckDialog)
        assert "slower: 10.0 tok/s to 8.0 tok/s" in screen_text(app)
        await press(app, pilot, "escape")
        assert load_acks() == ()
        await press(app, pilot, "a")  # the question comes later, when the histories are judged
        await press(app, pilot, "enter")
        assert "A reason is needed" in screen_text(app)
        await press(app, pilot, *"new", "space", *"clocks", "enter")
        assert "accepted.toml" in screen_text(app)
        await press(app, pilot, "a")
        assert "nothing to accept" in screen_text(app)

    drive(play)
    [entry] = load_acks()
    assert (entry.reason, entry.run, entry.target, entry.commit) == ("new clocks", first, "fell", "b" * 40)
    assert entry.level == pytest.approx(8.0, rel=0.02)


def slowed_down() -> str:
    """Store a history that falls from 10 to 8 tok/s in its middle, and return the first run at the new level."""
    for day in range(1, 25):
        speed, commit = (10.0, "a" * 40) if day <= 12 else (8.0, "b" * 40)
        noise = 1 + 0.004 * (day % 3 - 1)
        stored(day, target="fell", speed=speed * noise, revision={"commit": commit, "dirty": False})
    return "20261113-070531-013abc"
