"""Random histories: every series is on a board once, with its own newest value and its own sessions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.analysis.boards.board import BoardCell
from lab.analysis.boards.build import build_board
from lab.analysis.boards.lines import lines_of
from lab.analysis.boards.sides import sides_of
from lab.analysis.points.build import points_of
from lab.analysis.points.key import STATUS
from lab.analysis.points.table import Points
from lab.formats.dashboard import load_dashboard
from lab.formats.run_record import RunRecord
from lab.views.board.board_table import board_table
from lab.views.console import to_text
from lab.views.html.page import html_page
from tests.analysis.boards.samples import session

ONE = session(1)
SESSIONS = st.lists(
    st.tuples(
        st.integers(0, 27),  # night
        st.sampled_from(["cpu", "opencl", "cpu\x1b[2J<b>"]),
        st.sampled_from([1, 2, 16]),
        st.sampled_from(["tvm", "llama.cpp"]),
        st.sampled_from(["phi3-mini-q4", "phi3-mini-q8"]),
        st.floats(1.0, 100.0),
    ),
    min_size=1,
    max_size=40,
)


def made(sessions: Sequence[tuple[int, str, int, str, str, float]]) -> Points:
    return points_of([_run(place, *one) for place, one in enumerate(sessions)])


def _run(place: int, night: int, backend: str, threads: int, engine: str, model: str, rate: float) -> RunRecord:
    first = ONE.cells[0]
    of = replace(ONE.engine, name=engine, effective=backend, threads=threads)
    cells = (replace(first, repetitions=(replace(first.repetitions[0], decode_tok_per_s=rate),)),)
    at = f"2026-11-{1 + night:02d}T02:{place // 60:02d}:{place % 60:02d}Z"
    named = replace(ONE.model, id=model, label=model)
    run_id = f"202611{1 + night:02d}-0200{place % 60:02d}-{place:06x}"
    return replace(ONE, run_id=run_id, created_at=at, model=named, engine=of, cells=cells, revision=None)


def newest(points: Points) -> dict[Any, tuple[str, float, int]]:
    """Oracle: of each line the newest run, its value, and how many sessions there are, point by point."""
    lines = lines_of(points)
    found: dict[Any, tuple[str, float, int]] = {}
    for series, run, value in zip(points.series.tolist(), points.run.tolist(), points.value.tolist(), strict=True):
        line = lines[series]
        if line.cell.metric == "decode_tok_per_s":
            count = found.get(line, ("", 0.0, 0))[2]
            found[line] = (points.runs.run_id[run], value, count + 1)
    return found


@settings(max_examples=40, deadline=None)
@given(SESSIONS)
def test_every_series_is_on_the_device_board_once_with_its_own_numbers(sessions: list[Any]) -> None:
    points = made(sessions)
    board = build_board(load_dashboard("device"), points)
    cells = [one for row in board.rows for one in row.cells if one.key and one.key.metric == "decode_tok_per_s"]
    shown = {(one.key, one.under): (one.run_id, one.value, one.sessions) for one in cells}
    assert len(shown) == len(cells)
    assert shown == {(line.cell, line.under): told for line, told in newest(points).items()}
    assert len({row.names for row in board.rows}) == len(board.rows)


@settings(max_examples=40, deadline=None)
@given(SESSIONS)
def test_no_series_hides_another_on_the_overview(sessions: list[Any]) -> None:
    points = made(sessions)
    board = build_board(load_dashboard("overview"), points)
    cells = [one for row in board.rows for one in row.cells if one.key]
    assert {(line.cell.engine, line.under) for line in newest(points)} == {
        (one.key.engine, one.under) for one in cells if one.key
    }
    assert all(_alike(one) for one in cells)
    assert len({row.names for row in board.rows}) == len(board.rows)


def _alike(cell: BoardCell) -> bool:
    """Whether all that falls in the place is of the same engine."""
    return {key.engine for key in cell.also} <= {cell.key.engine if cell.key else ""}


@settings(max_examples=40, deadline=None)
@given(SESSIONS)
def test_windows_are_of_one_series_each_and_take_none_twice(sessions: list[Any]) -> None:
    points = made(sessions)
    lines = lines_of(points)
    spec = load_dashboard("overview").baseline
    sides = sides_of(points, lines, spec)
    count = len(points.runs)
    is_status = np.array([key.cell.metric == STATUS for key in sides.points.keys])
    told: dict[tuple[str, bool], list[tuple[int, int]]] = {}
    for series, run in zip(sides.points.series.tolist(), sides.points.run.tolist(), strict=True):
        if is_status[series]:
            place = sides.points.keys[series].cell.engine, run >= count
            told.setdefault(place, []).append((run % count, series))
    for (base, is_new), taken in told.items():
        assert len({series for _, series in taken}) == 1
        assert len(taken) <= (spec.newest if is_new else spec.sessions)
        others = told.get((base, not is_new), [])
        assert not {run for run, _ in taken} & {run for run, _ in others}
        if is_new:
            assert all(run < min(run for run, _ in taken) for run, _ in others)


@settings(max_examples=15, deadline=None)
@given(SESSIONS)
def test_what_records_say_of_conditions_drives_neither_terminal_nor_page(sessions: list[Any]) -> None:
    board = build_board(load_dashboard("overview"), made(sessions))
    text = to_text(board_table(board, [], 80), 80)
    page = html_page(board)
    assert "\x1b" not in text + page
    assert "<b>cpu" not in page
    assert "[2J<b>" not in page
    assert max(len(line) for line in text.splitlines()) <= 80


@pytest.mark.parametrize("name", ["overview", "compare", "device", "model", "engines"])
def test_the_order_of_import_changes_nothing(name: str) -> None:
    sessions = [(night, where, threads, "tvm", "phi3-mini-q4", 10.0) for night in range(9)
                for where in ("cpu", "opencl") for threads in (1, 2)]  # fmt: skip
    runs = [_run(place, *one) for place, one in enumerate(sessions)]
    boards = [build_board(load_dashboard(name), points_of(order)) for order in (runs, runs[::-1])]
    assert boards[0] == boards[1]
