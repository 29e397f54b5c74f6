"""A loss stays on the boards until somebody accepts it, however old it is; the number that stands first is lab's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lab.analysis.boards import build
from lab.analysis.boards.board import Board, BoardCell
from lab.analysis.boards.build import stored_board
from lab.analysis.history.accepting import accept
from lab.analysis.history.stored import stored_history
from lab.analysis.points.build import points_of
from lab.analysis.points.load import Loaded
from lab.formats.dashboard import BaselineSpec, load_dashboard, narrowed
from lab.formats.run_record import RunRecord
from tests.analysis.boards.samples import failed, nights, stepped
from tests.analysis.documents import cell


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)


def board_of(runs: list[RunRecord], name: str = "overview", target: str | None = None, against: str = "") -> Board:
    spec = narrowed(load_dashboard(name), target)
    if against:
        spec = replace(spec, baseline=BaselineSpec(against=against))  # type: ignore[arg-type]
    return stored_board(spec, Loaded(points_of(runs), ())).board


def only(board: Board) -> BoardCell:
    ((cell,),) = (row.cells for row in board.rows)
    return cell


OLD_LOSS = nights(stepped(48, 21, 0.92))  # 27 sessions at the new level: none of the old are among the 20 before


def test_a_loss_older_than_the_baseline_is_still_on_the_overview() -> None:
    board = board_of(OLD_LOSS)
    cell = only(board)
    assert cell.verdict is not None
    assert cell.verdict.word == "same"  # which is right, and not what somebody wants to know
    assert (cell.word, cell.role) == ("slower", "bad")
    assert cell.reason.startswith(
        "slower by 8.0 % since 2026-03-22, and nobody accepted it; the newest sessions compared"
    )
    assert cell.reason.endswith("same")
    assert board.counts["slower"] == 1
    assert board.open_regressions == 2  # decode, and the gaps between tokens
    assert cell.history[cell.mark - 1] == pytest.approx(10, rel=0.01)
    assert cell.history[cell.mark] == pytest.approx(9.2, rel=0.01)


def test_an_accepted_one_is_not() -> None:
    for change in stored_history(points_of(OLD_LOSS)).changes:
        accept(change, "checks each token now")
    board = board_of(OLD_LOSS)
    assert only(board).word == "same"
    assert board.open_regressions == 0


def test_a_dashboard_that_asks_of_the_newest_revision_alone_answers_that() -> None:
    board = board_of(OLD_LOSS, against="revision")
    assert only(board).word != "slower"
    assert board.open_regressions == 2


def test_facts_of_a_cell_that_lost_are_those_of_the_loss() -> None:
    spec = load_dashboard("overview")
    spec = replace(spec, columns=("word", "a", "b", "ratio", "interval", "sessions"), metrics=("decode_tok_per_s",))
    (row,) = stored_board(spec, Loaded(points_of(OLD_LOSS), ())).board.rows
    assert [cell.text for cell in row.cells] == ["slower", "10.0 tok/s", "9.2 tok/s", "-8.0 %", "–", "21 / 27"]


def test_open_ones_stand_first_where_changes_are_listed_and_each_says_its_state() -> None:
    lost = nights(stepped(48, 20, 0.9), target="lost")
    mended = nights([*stepped(32, 16, 0.9), *stepped(16, 0, 1.0)], target="mended")
    better = nights(stepped(48, 30, 1.1), target="better")
    board = board_of([*lost, *mended, *better], "regressions")
    states = {fact: place for place, fact in enumerate(column.fact for column in board.columns)}["state"]
    told = [(row.names[0], row.cells[0].text, row.cells[states].text, row.cells[0].role) for row in board.rows]
    assert told[0] == ("lost", "slower", "open", "bad")
    assert ("mended", "slower", "fixed since", "plain") in told
    assert ("better", "faster", "–", "good") in told
    assert board.open_regressions == 2
    assert board_of([*lost, *better], "regressions", target="better").open_regressions == 0


def test_of_a_change_the_picture_is_around_it_and_the_newest_session_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "HISTORY", 20)
    runs = nights(stepped(48, 20, 0.9))
    row = next(row for row in board_of(runs, "regressions").rows if row.names[-1] == "Decode")
    cell = next(one for one in row.cells if one.mark >= 0)
    assert cell.history[cell.mark - 1] == pytest.approx(10, rel=0.01)
    assert cell.history[cell.mark] == pytest.approx(9, rel=0.01)
    assert cell.history_runs[cell.mark] == runs[20].run_id
    assert (len(cell.history), cell.mark) == (20, 10)
    assert cell.newest_s > cell.created_s


def test_nobody_has_looked_is_not_none() -> None:
    few = board_of(nights(stepped(10, 5, 0.9)), "regressions")
    assert (few.open_regressions, few.judged_series) == (0, 0)


def test_labs_own_engine_and_the_first_test_stand_for_a_place_and_are_named() -> None:
    two = [cell([10.0] * 5), cell([8.0] * 5, depth=2048)]
    ours = nights([10.0] * 5, cells=two)
    engine = replace(ours[0].engine, name="llama.cpp")
    theirs = [replace(one, engine=engine, run_id=f"{one.run_id[:-2]}ff") for one in nights([30.0] * 6, cells=two)]
    own, other = (row.cells[0] for row in board_of([*ours, *theirs]).rows)  # theirs are the newer ones
    assert own.key is not None
    assert other.key is not None
    assert (own.text, own.note, own.key.engine) == ("10.0 tok/s", "pp512+tg128", "tvm")
    assert (other.key.engine, other.note) == ("llama.cpp", "pp512+tg128")


def test_a_test_that_nobody_measures_any_more_does_not_stand_for_its_place() -> None:
    once = nights([50.0], cells=[cell([50.0] * 5, prompt=16, generate=8)])
    found = only(board_of([*once, *nights([10.0] * 20, first=1)]))
    assert found.note == "pp512+tg6"


def test_a_part_of_a_model_does_not_stand_beside_whole_ones() -> None:
    model = replace(nights([10.0])[0].model, layers=2)
    part = [
        replace(one, model=model, run_id=f"{one.run_id[:-2]}ff")
        for one in nights([90.0] * 6, cells=[cell([90.0] * 5, prompt=16, generate=8)])
    ]
    whole = nights([10.0] * 5)
    found = only(board_of([*whole, *part]))
    assert (found.text, found.is_part) == ("10.0 tok/s", False)
    alone = only(board_of(part))
    assert (alone.role, alone.note) == ("faint", f"2 of {model.layers_total} layers pp16+tg8")


def test_models_of_which_a_part_was_measured_are_the_last_columns() -> None:
    model = replace(nights([10.0])[0].model, layers=2, label="phi3-mini-q4@2l")
    part = [replace(one, model=model, run_id=f"{one.run_id[:-2]}ff") for one in nights([90.0] * 3)]
    board = board_of([*part, *nights([10.0], model="phi3-small-q4")])
    assert board.column_titles == ("phi3-small-q4", "phi3-mini-q4@2l")


def test_sessions_that_gave_no_numbers_are_counted() -> None:
    runs = [*nights([10.0] * 7), *nights([10.0] * 3, first=7, cells=[{**failed()[0], "generate": 6}])]
    found = only(board_of(runs))
    assert (found.sessions, found.silent) == (10, 3)
    assert found.newest_s == found.created_s
