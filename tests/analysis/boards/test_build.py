"""What a board says of a known history."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, get_args

import numpy as np
import pytest

from lab.analysis.boards.board import Board, BoardCell, Change
from lab.analysis.boards.build import _in_order, build_board
from lab.analysis.boards.cell_text import rank_of, role_of
from lab.analysis.boards.charts import thinned
from lab.analysis.points.build import points_of
from lab.analysis.points.table import Points
from lab.formats import dashboard
from lab.formats.dashboard import BaselineSpec, ChartSpec, DashboardSpec, FilterSpec, GateSpec
from lab.formats.verdicts import VERDICTS, Word
from tests.analysis.boards.samples import failed, session, slower_history, steady


def spec(**changes: Any) -> DashboardSpec:
    base = DashboardSpec(1, "mine", "Mine", ("target",), ("model",))
    return replace(base, **changes)


def only_cell(board: Board) -> BoardCell:
    ((cell,),) = (row.cells for row in board.rows)
    return cell


def test_every_word_of_the_judge_has_the_rank_and_colour_of_its_row(monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(get_args(Word)) == set(VERDICTS)
    assert all((rank_of(word), role_of(word)) == (row.rank, row.role) for word, row in VERDICTS.items())
    monkeypatch.setitem(VERDICTS, "same", replace(VERDICTS["same"], rank=12))
    assert rank_of("same") == 12  # asked of the table, not of a copy of it


def test_a_matrix_of_targets_and_models() -> None:
    runs = [session(1), session(2, 20.0, model="phi3-medium-q4"), session(3, 5.0, target="pixel8")]
    board = build_board(spec(), points_of(runs))
    assert (board.row_titles, board.column_titles) == (("Target",), ("phi3-medium-q4", "phi3-mini-q4"))
    assert [row.names for row in board.rows] == [("local",), ("pixel8",)]
    texts = [[cell.text for cell in row.cells] for row in board.rows]
    assert texts == [["20.0 tok/s", "10.0 tok/s"], ["", "5.0 tok/s"]]


def test_a_loss_is_told_with_its_reason_and_history() -> None:
    cell = only_cell(build_board(spec(metrics=("decode_tok_per_s",)), slower_history()))
    assert (cell.word, cell.role) == ("slower", "bad")
    assert cell.reason
    assert cell.sessions == 10
    assert cell.history[0] == pytest.approx(10.0)
    assert cell.history[-1] == pytest.approx(8.0, rel=0.02)
    assert len(cell.history_runs) == len(cell.history)
    assert cell.baseline_run_id.startswith("20261105")
    assert cell.verdict is not None
    assert cell.verdict.ratio == pytest.approx(0.8, rel=0.02)


def test_the_baseline_is_what_the_dashboard_says() -> None:
    points = points_of(
        [*steady(range(1, 4), "a", tags=["release"]), *steady(range(4, 7), "b", 7.0), *steady(range(7, 10), "c", 7.0)]
    )

    def cell_against(**baseline: Any) -> BoardCell:
        return only_cell(build_board(spec(metrics=("decode_tok_per_s",), baseline=BaselineSpec(**baseline)), points))

    assert cell_against(against="none").word == ""
    before = cell_against(against="revision").verdict
    assert before is not None
    assert before.ratio == pytest.approx(1.0, abs=0.01)
    tagged = cell_against(against="tag", tag="release").verdict
    assert tagged is not None
    assert (tagged.sessions_a, tagged.sessions_b) == (3, 3)
    assert tagged.ratio == pytest.approx(0.7, abs=0.01)
    sessions = cell_against(against="sessions", newest=2, sessions=4).verdict
    assert sessions is not None
    assert (sessions.sessions_a, sessions.sessions_b) == (4, 2)


def test_one_run_is_the_newest_of_one_cell_and_the_baseline_of_another() -> None:
    both = [session(day, commit="a") for day in (1, 2, 3)]
    runs = [*both, *[session(day, 20.0, commit="b", model="phi3-medium-q4") for day in (4, 5, 6)]]
    medium = [session(day, 20.0, commit="a", model="phi3-medium-q4") for day in (7, 8, 9)]
    board = build_board(spec(), points_of([*runs, *medium]))
    mine = {cell.key.model: cell.word for row in board.rows for cell in row.cells if cell.key}
    assert mine["phi3-mini-q4"] == "new"  # one revision only
    assert mine["phi3-medium-q4"] != "new"


def test_what_gave_no_numbers_shows_its_status_and_reason() -> None:
    points = points_of([*steady(range(1, 5), "a"), session(5, commit="b", cells=failed())])
    cell = only_cell(build_board(spec(), points))
    assert (cell.text, cell.value, cell.word, cell.role) == ("–", None, "broke", "bad")
    assert "SIGSEGV" in cell.reason
    assert len(cell.history) == 4
    alone = only_cell(build_board(spec(baseline=BaselineSpec("none")), points_of([session(1, cells=failed())])))
    assert (alone.word, alone.reason) == ("failed", "killed by SIGSEGV")


def test_the_worst_stands_for_all_that_fall_in_one_place_and_nothing_is_averaged() -> None:
    board = build_board(spec(), slower_history())
    cell = only_cell(board)
    assert cell.word == "slower"
    assert cell.key is not None
    assert len(cell.also) == 3
    assert cell.key not in cell.also
    assert build_board(spec(gates=GateSpec(("slower",))), slower_history()).exit_code == 3
    assert board.exit_code == 0


def test_a_history_that_goes_on_under_other_conditions_is_one_with_a_seam() -> None:
    other = {**session(1).engine.__dict__, "threads": 1}
    runs = [*steady(range(1, 5), "a"), *steady(range(5, 9), "b", engine=other)]
    cell = only_cell(build_board(spec(baseline=BaselineSpec("none")), points_of(runs)))
    assert len(cell.history) == 8
    assert [(seam.index, seam.run_id) for seam in cell.seams] == [(4, runs[4].run_id)]
    assert "threads 2 -> 1" in cell.seams[0].what
    assert any(label.startswith("since 2026-11-05: ") and "threads 2 -> 1" in label for label in cell.labels)


def test_another_driver_of_the_same_gpu_is_the_same_row_at_once() -> None:
    old, new = ({**session(1).engine.__dict__, "effective": f"opencl GPU (OpenCL 3.0 driver {n})"} for n in (1, 2))
    runs = [*steady(range(1, 8), "a", engine=old), session(8, engine=new)]
    cell = only_cell(build_board(spec(baseline=BaselineSpec("none")), points_of(runs)))
    assert [seam.index for seam in cell.seams] == [7]


def test_what_was_tried_once_is_no_end_of_a_history() -> None:
    runs = [session(1), session(2), session(3, engine={**session(1).engine.__dict__, "threads": 1})]
    board = build_board(spec(baseline=BaselineSpec("none")), points_of(runs))
    assert [(row.names, len(row.cells[0].history)) for row in board.rows] == [
        (("local", "threads=1"), 1),
        (("local", "threads=2"), 2),
    ]


def test_filters_choose_rows() -> None:
    runs = [session(1), session(2, target="pixel8"), session(3, target="pixel9")]
    points = points_of(runs)
    names = [row.names[0] for row in build_board(spec(filters=FilterSpec(target=("pixel*",))), points).rows]
    assert names == ["pixel8", "pixel9"]
    assert build_board(spec(filters=FilterSpec(engine=("mlc",))), points).rows == ()
    recent = build_board(spec(filters=FilterSpec(days=1)), points)
    assert [row.names[0] for row in recent.rows] == ["pixel8", "pixel9"]
    assert build_board(spec(filters=FilterSpec(words=("slower",))), points).rows == ()


def test_rows_of_facts_put_the_worst_first() -> None:
    mine = spec(rows=("target", "metric"), columns=("word", "ratio", "a", "b", "sessions"), sort="worst")
    board = build_board(mine, slower_history())
    assert board.column_titles == ("Verdict", "Change", "Before", "Now", "Sessions")
    assert board.rows[0].names == ("local", "Decode")
    texts = [cell.text for cell in board.rows[0].cells]
    assert (texts[0], texts[4]) == ("slower", "5 / 5")
    assert float(texts[1].split()[0]) == pytest.approx(-20, abs=1)
    assert (texts[2][:2], texts[3][:1]) == ("10", "8")
    assert board.rows[0].cells[0].role == "bad"


def change(points: Points, **changes: Any) -> Change:
    key = next(one for one in points.keys if one.cell.metric == "decode_tok_per_s")
    run = points.runs.run_id[5]
    base = Change(key=key, word="slower", ratio=0.8, run_id=run, created_s=1, commits="aaaaaaaaa..bbbbbbbbb")
    return replace(base, **changes)


def test_changes_are_rows_and_marks_in_charts() -> None:
    points = slower_history()
    mine = spec(
        about="changes",
        rows=("target",),
        columns=("word", "ratio", "commits", "accepted"),
        charts=(ChartSpec("decode_tok_per_s"),),
    )
    board = build_board(mine, points, [change(points)])
    assert [cell.text for cell in board.rows[0].cells] == ["slower", "-20.0 %", "aaaaaaaaa..bbbbbbbbb", "–"]
    (series,) = board.charts[0].series
    assert [point.changed for point in series.points] == [""] * 5 + ["slower"] + [""] * 4
    accepted = build_board(mine, points, [change(points, accepted="bigger cache")])
    assert accepted.rows[0].cells[0].role == "plain"
    assert accepted.rows[0].cells[3].text == "bigger cache"
    assert accepted.counts == {"accepted": 1}


def test_no_runs_make_an_empty_board() -> None:
    board = build_board(spec(charts=(ChartSpec("decode_tok_per_s"),)), points_of([]))
    assert (board.rows, board.runs, board.charts) == ((), 0, ())


@pytest.mark.parametrize("name", ["overview", "compare", "regressions", "device", "model", "engines"])
def test_every_dashboard_that_comes_with_lab_draws_a_history(name: str) -> None:
    board = build_board(dashboard.load_dashboard(name), slower_history())
    assert all(len(row.cells) == len(board.column_titles) for row in board.rows)
    assert bool(board.rows) == (name != "regressions")


def test_thinning_keeps_extremes_ends_and_marks() -> None:
    values = np.sin(np.arange(10_000) / 50)
    values[[1234, 7777]] = 99.0, -99.0
    kept = thinned(values, [4321], most=200)
    assert len(kept) <= 203
    assert {0, 9_999, 1234, 7777, 4321} <= set(kept.tolist())
    assert list(kept) == sorted(set(kept.tolist()))
    assert list(thinned(values[:50], most=200)) == list(range(50))


def test_what_is_as_bad_is_counted_in_the_order_of_the_legend() -> None:
    """The head of a narrow terminal drops the last counts: then "slower" is not the one that goes."""
    assert sorted(["same", "failed", "bigger", "faster", "slower", "broke"], key=_in_order) == [
        "broke",
        "failed",
        "slower",
        "bigger",
        "faster",
        "same",
    ]
