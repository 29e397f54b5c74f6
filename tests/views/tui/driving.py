"""A small store, and the application driven over it without a terminal."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from textual.pilot import Pilot
from textual.widgets import DataTable

from lab.store import save
from lab.views.tui.app import LabApp
from lab.views.tui.source import Source
from tests.analysis.documents import DOCUMENT, MODEL, cell, record

Play = Callable[[LabApp, "Pilot[int]"], Awaitable[None]]
HOSTILE = "\x1b]0;owned\x07[bold red]x[/] [@click=app.quit]y[/]"


def stored(day: int, target: str = "local", model: str = "phi3-mini-q4", speed: float = 10.0, **changes: Any) -> str:
    """Store one run of a day in November, and return its id."""
    run_id = f"202611{day:02}-070531-{day:03}abc"
    made = record(
        run_id=run_id,
        created_at=f"2026-11-{day:02}T07:05:31Z",
        target={**DOCUMENT["target"], "name": target},
        model={**MODEL, "label": model},
        **{"cells": [cell([speed * share for share in (0.98, 0.99, 1.0, 1.01, 1.02)])], **changes},
    )
    save(made)
    return run_id


def small_store() -> None:
    """Two devices, two models, a few sessions."""
    for day in range(1, 6):
        stored(day, speed=10 + day / 10)
    stored(6, model="phi3-medium-q4", speed=4.0)
    stored(7, target="pixel", speed=6.0)


def drive(play: Play, name: str = "overview", size: tuple[int, int] = (80, 24), source: Source | None = None) -> LabApp:
    """Play on the application once it shows its verdicts; it does not look for new runs by itself."""
    app = LabApp(name, source or Source(), follow=False)

    async def run() -> None:
        async with app.run_test(size=size) as pilot:
            await settled(app, pilot)
            await play(app, pilot)

    asyncio.run(asyncio.wait_for(run(), 60))
    return app


async def settled(app: LabApp, pilot: Pilot[int]) -> None:
    """Wait until all that was begun is done, and what that began."""
    await pilot.pause()
    while not all(worker.is_finished for worker in app.workers):
        await app.workers.wait_for_complete()
        await pilot.pause()


async def press(app: LabApp, pilot: Pilot[int], *keys: str) -> None:
    """Press keys, and wait for what they begin."""
    await pilot.press(*keys)
    await settled(app, pilot)


def screen_text(app: LabApp) -> str:
    """Return what is on the screen, trailing spaces cut."""
    width, height = app.size
    lines = app.screen._compositor.render_strips()
    rows = ["".join(segment.text for segment in strip)[:width].rstrip() for strip in lines[:height]]
    return "\n".join(rows) + "\n"


def names(app: LabApp) -> list[str]:
    """Return the first column of the table."""
    grid = app.main.query_one(DataTable)
    return [str(grid.get_cell_at((row, 0))) for row in range(grid.row_count)]  # type: ignore[arg-type]
