"""A board in terminals of three widths; see snapshot.py on how to renew the pictures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lab.analysis.boards.board import Board, BoardCell, BoardRow
from lab.analysis.boards.build import build_board
from lab.analysis.points.build import points_of
from lab.core.errors import ConfigError
from lab.formats.dashboard import BaselineSpec, DashboardSpec, load_dashboard
from lab.store import BadRun
from lab.views.board.board_table import board_table
from lab.views.board.dashboards_table import dashboards_table
from lab.views.console import to_text
from tests.analysis.boards.samples import failed, session, steady
from tests.analysis.documents import DOCUMENT
from tests.views.snapshot import WIDTHS, check

WIDTH = pytest.mark.parametrize("width", WIDTHS)
BAD = [BadRun(Path("profiles/local/x.json"), "profiles/local/x.json: its content does not match its sha256")]

REASONS = {"slower": "a fifth slower, which is no chance", "broke": "B: failed (killed by SIGSEGV)"}


def board(name: str) -> Board:
    """A loss on one target, a steady one, and one that broke."""
    runs = [*steady(range(1, 6), "a"), *steady(range(6, 11), "b", 8.0)]
    runs += [*steady(range(1, 6), "a", 20.0, target="pixel8"), *steady(range(6, 11), "b", 20.0, target="pixel8")]
    runs += [*steady(range(1, 4), "a", target="rpi5"), session(4, target="rpi5", commit="b", cells=failed())]
    spec = replace(load_dashboard(name), baseline=BaselineSpec("revision"), filters=load_dashboard(name).filters)
    return with_own_reasons(build_board(spec, points_of(runs)))


def with_own_reasons(found: Board) -> Board:
    """The board with sentences that no other part may reword."""
    why = found.column_titles.index("Why") if "Why" in found.column_titles else -1

    def cells(row: BoardRow) -> tuple[BoardCell, ...]:
        said = [replace(cell, reason=REASONS.get(cell.word, "")) for cell in row.cells]
        return tuple(replace(one, text=one.reason) if place == why else one for place, one in enumerate(said))

    return replace(found, rows=tuple(replace(row, cells=cells(row)) for row in found.rows), notes=())


@WIDTH
@pytest.mark.parametrize("name", ["overview", "device", "compare"])
def test_a_board(name: str, width: int) -> None:
    text = check(f"board-{name}", board_table(board(name), BAD, width), width)
    said = " ".join(text.split())
    assert "slower" in said
    assert "broke" in said
    assert "SIGSEGV" in said
    assert max(len(line) for line in text.splitlines()) <= width


def siblings(name: str) -> Board:
    """Backends of one phone: one halved, one steady, one that nobody measures any more, and one after a new driver."""
    runs = []
    for engine, days, level in (
        ("cpu", range(1, 21), 20.0),
        ("opencl", range(1, 21), 12.0),
        ("hexagon", range(1, 6), 5.0),
    ):
        for day in days:
            lost = 0.5 if engine == "cpu" and day > 17 else 1.0
            of = {**DOCUMENT["engine"], "name": "llama.cpp", "effective": engine}
            runs += steady([day], "a" if day < 18 else "b", level * lost, target="phone", engine=of)
    numbered = [replace(run, run_id=f"{run.run_id[:-4]}{place:04x}") for place, run in enumerate(runs)]
    found = build_board(load_dashboard(name), points_of(numbered))
    return with_own_reasons(found)


@WIDTH
@pytest.mark.parametrize("name", ["overview", "device", "compare"])
def test_siblings_each_have_a_row_with_their_name(name: str, width: int) -> None:
    text = check(f"board-siblings-{name}", board_table(siblings(name), [], width), width)
    assert all(backend in text for backend in ("cpu", "opencl", "hexagon"))
    assert "slower" in text
    assert "last 2026-11-05" in " ".join(text.split())
    assert max(len(line) for line in text.splitlines()) <= width


@WIDTH
def test_an_empty_board(width: int) -> None:
    check("board-empty", board_table(build_board(load_dashboard("overview"), points_of([])), [], width), width)


@WIDTH
def test_dashboards_and_their_mistakes(width: int) -> None:
    mistake = ConfigError("dashboards/x.toml: titel: unknown key. Did you mean title?", hint="rename it")
    sound = DashboardSpec(1, "mine", "Mine", ("target",), ("model",))
    check("dashboards", dashboards_table({"mine": sound, "x": [mistake]}), width)


def test_what_records_say_cannot_drive_the_terminal() -> None:
    evil = session(1, engine={**session(1).engine.__dict__, "name": "\x1b[2J[red]x"})
    text = to_text(board_table(build_board(load_dashboard("engines"), points_of([evil])), BAD, 80), 80)
    assert "\x1b" not in text
    assert "[red]x" in text


def test_a_damaged_file_is_named_once() -> None:
    """A reason may name the file as it was seen from another folder."""
    bad = [BadRun(Path("home/profiles/local/x.json"), "profiles/local/x.json: not valid JSON: x.json: 1")]
    text = to_text(board_table(board("overview"), bad, 120), 120)
    assert "unreadable: home/profiles/local/x.json: not valid JSON: x.json: 1\n" in text
