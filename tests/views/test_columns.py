"""Columns of dashboards: one row more is a column more in every view, and a title is only a title."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lab.analysis.boards import apart, axes
from lab.analysis.boards.board import Board, BoardCell, Change, Column
from lab.analysis.boards.build import StoredBoard, build_board
from lab.analysis.boards.facts import COLUMNS
from lab.analysis.points.build import points_of
from lab.cli import main
from lab.cli.documents import board_document
from lab.formats import dashboard
from lab.formats.dashboard import BaselineSpec, load_dashboard
from lab.formats.metrics import METRICS
from lab.views.board.board_table import board_table
from lab.views.console import to_text
from lab.views.html.page import html_page
from lab.views.tui.app import LabApp
from lab.views.tui.filter_sort import Wanted, next_order, order_text, shown
from tests.analysis.boards.samples import failed, session, steady
from tests.views.browser import browser
from tests.views.tui.driving import drive, names, press, screen_text, stored

SPEEDS = {"a": 30.0, "b": 10.0, "c": 20.0}  # the one row below sorts them b, c, a; their texts sort a, c, b


def pace(cell: BoardCell) -> str:
    return "?" if cell.value is None else {30.0: "brisk", 20.0: "medium", 10.0: "slow"}[round(cell.value)]


PACE = Column(fact="pace", title="Pace", text=pace, sort=lambda cell: cell.value, align="right")

FILE = """\
schema = 1
name = "mine"
title = "Mine"
rows = ["target"]
columns = ["word", "pace"]
metrics = ["decode_tok_per_s"]
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with three targets and a dashboard of the new column."""
    monkeypatch.setenv("LAB_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(COLUMNS, PACE.fact, PACE)
    monkeypatch.setattr(dashboard, "FACTS", (*dashboard.FACTS, PACE.fact))
    (tmp_path / "dashboards").mkdir()
    (tmp_path / "dashboards" / "mine.toml").write_text(FILE)
    for day, (target, speed) in enumerate(SPEEDS.items(), 1):
        stored(day, target=target, speed=speed)
    return tmp_path


def test_a_column_more_is_in_the_table_and_the_document(home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["dash", "mine", "--once"]) == 0
    lines = [line.split() for line in capfd.readouterr().out.splitlines()]
    assert ["Target", "Verdict", "Pace"] in lines
    assert [line[-1] for line in lines if line and line[0] in SPEEDS] == ["brisk", "slow", "medium"]
    assert main(["dash", "mine", "--once", "--json"]) == 0
    document = json.loads(capfd.readouterr().out)
    assert (document["column_facts"], document["column_titles"]) == (["word", "pace"], ["Verdict", "Pace"])
    assert [row["cells"][1]["text"] for row in document["rows"]] == ["brisk", "slow", "medium"]


def test_a_column_more_is_on_the_page_and_sorts_it(home: Path, tmp_path: Path) -> None:
    stored(9, target="nothing", cells=failed())
    assert main(["dash", "mine", "--html", "page.html"]) == 0
    with browser(tmp_path / "profile") as page:
        page.open((home / "page.html").as_uri())
        rows = "[...document.querySelectorAll('#board tbody tr')].map(row => row.cells[0].textContent)"
        page.run("document.querySelectorAll('#board thead button')[2].click()")
        assert page.run(rows) == ["b", "c", "a", "nothing"]
        page.run("document.querySelectorAll('#board thead button')[2].click()")
        assert page.run(rows) == ["a", "c", "b", "nothing"]  # whichever way round


def test_a_column_more_is_on_the_screen_and_sorts_and_filters_it(home: Path) -> None:
    async def play(app: LabApp, pilot: Any) -> None:
        assert "Pace" in screen_text(app)
        await press(app, pilot, *"sssss")  # name, worst, newest, by the first column, by the second
        assert "sorted by Pace" in screen_text(app)
        assert names(app) == ["b", "c", "a"]
        await press(app, pilot, "S")
        assert names(app) == ["a", "c", "b"]
        await press(app, pilot, "slash", *"medium")
        assert names(app) == ["c"]

    drive(play, name="mine")


def test_a_misspelt_column_is_told_with_those_that_there_are(home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (home / "dashboards" / "mine.toml").write_text(FILE.replace('"pace"', '"paec"'))
    assert main(["dash", "mine", "--once"]) == 1
    error = capfd.readouterr().err
    assert "columns[1]: 'paec' is neither an axis nor a fact. Did you mean pace?" in error


def test_every_fact_of_a_file_has_its_column() -> None:
    assert tuple(COLUMNS) == dashboard.FACTS
    assert all(column.fact == name for name, column in COLUMNS.items())


def boards() -> Iterator[Board]:
    """One of each kind: values by axes, facts of cells, changes of level."""
    runs = [*steady(range(1, 6), "a"), *steady(range(6, 11), "b", 8.0), *steady(range(1, 4), "a", target="pixel8")]
    gpu = {"engine": {**session(1).engine.__dict__, "effective": "opencl GPU"}}
    runs += [*steady(range(1, 9), "a", 20.0, target="pixel9"), session(13, target="pixel8", cells=failed())]
    runs += [replace(one, run_id=f"{one.run_id[:-4]}00aa") for one in steady(range(1, 9), "a", target="pixel9", **gpu)]
    points = points_of(runs)
    key = next(one for one in points.keys if one.cell.metric == "decode_tok_per_s" and one.cell.target == "local")
    change = Change(key=key, word="slower", ratio=0.8, run_id=runs[5].run_id, created_s=0, commits="a..b")
    for name in ("overview", "device", "compare", "regressions"):
        yield build_board(replace(load_dashboard(name), baseline=BaselineSpec("revision")), points, [change])


def everything(board: Board) -> Iterator[str]:
    """What each view makes of the board, and the rows in every order of the screen."""
    yield from (to_text(board_table(board, (), width), width) for width in (60, 80, 120))
    yield html_page(board)
    yield json.dumps(board_document(StoredBoard(board, ())))
    wanted = Wanted()
    for fact in (column.fact for column in (*board.row_columns, *board.columns)):
        wanted = next_order(board, wanted, fact)
        for one in (wanted, replace(wanted, sort="column", column=fact), replace(wanted, text="slower pixel")):
            left = shown(board, one, board.is_matrix)
            yield f"{order_text(board, one)}: {left.columns} {[row.names for row in left.rows]}"


def test_another_title_changes_nothing_but_the_title(monkeypatch: pytest.MonkeyPatch) -> None:
    before = [text for board in boards() for text in everything(board)]
    for name, column in list(COLUMNS.items()):
        monkeypatch.setitem(COLUMNS, name, replace(column, title=column.title.swapcase()))
    for axis, title in list(axes.TITLES.items()):
        monkeypatch.setitem(axes.TITLES, axis, title.swapcase())
    for name, metric in list(METRICS.items()):
        monkeypatch.setitem(METRICS, name, replace(metric, title=metric.title.swapcase()))
    monkeypatch.setattr(apart, "CONDITIONS", replace(apart.CONDITIONS, title=apart.CONDITIONS.title.swapcase()))
    after = [text for board in boards() for text in everything(board)]
    assert before != after
    assert [text.casefold() for text in before] == [text.casefold() for text in after]


def test_changes_are_sorted_by_what_their_column_says() -> None:
    """By the size of the change itself: neither by its text nor by what the newest sessions were compared with."""
    points = points_of(
        [*steady(range(1, 6), "a"), *steady(range(1, 6), "a", target="b"), *steady(range(1, 6), "a", target="c")]
    )
    keys = {one.cell.target: one for one in points.keys if one.cell.metric == "decode_tok_per_s"}
    ratios = {"local": 0.92, "b": 0.8, "c": 1.25}
    changes = [
        Change(key=keys[name], word="slower", ratio=ratio, run_id=name, created_s=0, commits="a..b")
        for name, ratio in ratios.items()
    ]
    board = build_board(load_dashboard("regressions"), points, changes)
    ordered = shown(board, Wanted(sort="column", column="ratio"), matrix=False).rows
    assert [row.names[0] for row in ordered] == ["b", "local", "c"]
    assert 'data-sort="0.8"' in html_page(board)


def test_a_row_without_a_number_comes_last_whichever_way_round() -> None:
    runs = [*steady(range(1, 3), "a", 20.0), *steady(range(1, 3), "a", 10.0, target="pixel8")]
    runs += [session(3, target="rpi5", cells=failed())]
    board = build_board(replace(load_dashboard("compare"), rows=("target",)), points_of(runs))
    for reverse, names_ in ((False, ["pixel8", "local", "rpi5"]), (True, ["local", "pixel8", "rpi5"])):
        left = shown(board, Wanted(sort="column", column="b", reverse=reverse), matrix=False)
        assert [row.names[0] for row in left.rows] == names_


def test_names_are_sorted_by_the_numbers_in_them() -> None:
    points = points_of([session(1, target=name) for name in ("rpi5", "rpi10", "rpi4")])
    board = build_board(replace(load_dashboard("compare"), rows=("target",)), points)
    left = shown(board, Wanted(sort="column", column="target"), matrix=False)
    assert [row.names[0] for row in left.rows] == ["rpi4", "rpi5", "rpi10"]


def test_a_click_on_a_heading_sorts_by_it_and_one_more_turns_it_round(home: Path) -> None:
    async def play(app: LabApp, pilot: Any) -> None:
        for order in (["b", "c", "a"], ["a", "c", "b"]):
            heading = next(line for line in screen_text(app).splitlines() if "Pace" in line and "sorted" not in line)
            await pilot.click("#grid", offset=(heading.index("Pace") + 1, 0))
            await press(app, pilot)
            assert "sorted by Pace" in screen_text(app)
            assert names(app) == order

    drive(play, name="mine")
