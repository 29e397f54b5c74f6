"""A place of a board is a series: siblings never hide each other, and none is judged by another's sessions."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.analysis.boards.board import Board, BoardCell
from lab.analysis.boards.build import build_board, changes_of
from lab.analysis.boards.lines import fewest, lines_of, name_of
from lab.analysis.history.regressions import judge_history
from lab.analysis.points.build import points_of
from lab.analysis.points.key import Conditions
from lab.analysis.points.table import Points
from lab.formats.acks import Accepted
from lab.formats.dashboard import load_dashboard, narrowed
from lab.formats.run_record import RunRecord
from lab.views.html.page import html_page
from tests.analysis.boards.samples import session
from tests.analysis.exchange.sources import llama_rows, records, written

CASES = Path(__file__).parents[2] / "cases" / "data"
HALVED = "pocketpal-cpu-halved-in-the-last-3-of-30-nights.json"
ONE_NIGHT = "pocketpal-three-backends-one-night.json"
ALL = ("overview", "device", "model", "engines", "compare")
BACKENDS = ["cpu", "hexagon", "opencl"]


@cache
def case(name: str) -> Points:
    return points_of(records(CASES / name))


def board(name: str, points: Points) -> Board:
    return build_board(load_dashboard(name), points, changes_of(points).found if name == "regressions" else ())


def named(found: Board) -> list[str]:
    """What tells the rows apart beside their axes, in their order."""
    return [row.names[found.row_titles.index("Conditions")] for row in found.rows]


def cells(found: Board) -> dict[tuple[str, str], BoardCell]:
    """The cells of a board by conditions and metric."""
    return {(one.under, one.key.metric): one for row in found.rows for one in row.cells if one.key}


def rows(tmp_path: Path, *changes: dict[str, Any], name: str = "made.json") -> list[RunRecord]:
    """Runs of one test for each of the changes to a row of llama-bench."""
    return records(written(tmp_path, [{**llama_rows()[1], **change} for change in changes], name))


def nights(count: int, change: Callable[[int], Sequence[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Rows of `count` nights: what differs, with rates in tok/s under `rate`."""
    return [_night(number, minute, one) for number in range(count) for minute, one in enumerate(change(number))]


def _night(number: int, minute: int, change: dict[str, Any]) -> dict[str, Any]:
    rate = change.pop("rate") * (1 + (number * 7 % 5 - 2) / 200)
    tokens = llama_rows()[1]["n_prompt"] + llama_rows()[1]["n_gen"]
    taken_ns = round(tokens * 1e9 / rate)
    at = f"2026-{1 + number // 28:02d}-{1 + number % 28:02d}T02:{minute:02d}:00Z"
    return {
        **change,
        "test_time": at,
        "avg_ns": taken_ns,
        "samples_ns": [taken_ns] * 3,
        "samples_ts": [],
        "avg_ts": rate,
    }


@pytest.mark.parametrize("name", ["overview", "device", "model", "engines"])
def test_a_backend_that_lost_half_is_told_whatever_its_siblings_do(name: str) -> None:
    found = board(name, case(HALVED))
    mine = cells(found)
    lost = mine["cpu", "decode_tok_per_s"]
    assert (lost.word, lost.role) == ("slower", "bad")
    assert lost.verdict is not None
    assert lost.verdict.ratio == pytest.approx(0.5, abs=0.01)
    assert (lost.verdict.sessions_a, lost.verdict.sessions_b) == (20, 3)
    assert {mine[one, "decode_tok_per_s"].word for one in ("hexagon", "opencl")} == {"same"}
    assert len(lost.history) == 30


@pytest.mark.parametrize("name", ALL)
def test_every_backend_of_one_night_has_a_row_by_its_name(name: str) -> None:
    found = board(name, case(ONE_NIGHT))
    assert list(dict.fromkeys(named(found))) == BACKENDS
    values = {under: round(one.value or 0) for (under, name), one in cells(found).items() if name == "decode_tok_per_s"}
    assert values == {"cpu": 20, "hexagon": 5, "opencl": 12}
    assert found.counts == {"new": len(cells(found))}


def test_only_a_board_with_siblings_has_a_column_for_them() -> None:
    assert "Conditions" not in board("device", points_of([session(1), session(2)])).row_titles
    assert "Conditions" in board("device", case(ONE_NIGHT)).row_titles


def test_thread_counts_are_rows_in_the_order_of_their_numbers_and_each_has_its_own_window(tmp_path: Path) -> None:
    def night(number: int) -> list[dict[str, Any]]:
        lost = 0.5 if number >= 27 else 1.0
        return [{"n_threads": n, "rate": 10.0 * n * (lost if n == 2 else 1.0)} for n in (1, 2, 16)]

    found = board("overview", points_of(rows(tmp_path, *nights(30, night))))
    assert named(found) == ["threads=1", "threads=2", "threads=16"]
    assert {under: one.word for (under, _), one in cells(found).items()} == {
        "threads=1": "same",
        "threads=2": "slower",
        "threads=16": "same",
    }


def test_layers_on_the_gpu_are_told_apart(tmp_path: Path) -> None:
    points = points_of(rows(tmp_path, {"n_gpu_layers": 0}, {"n_gpu_layers": 99, "test_time": "2026-11-24T17:00:00Z"}))
    assert named(board("overview", points)) == ["n_gpu_layers=0", "n_gpu_layers=99"]


def test_two_gpus_of_one_machine_are_told_apart(tmp_path: Path) -> None:
    gpus = [{"backends": "CUDA", "gpu_info": f"NVIDIA GeForce RTX {number}"} for number in (3090, 4090)]
    found = board("device", points_of(rows(tmp_path, gpus[0], {**gpus[1], "test_time": "2026-11-24T17:00:00Z"})))
    assert named(found) == ["gpu_info=NVIDIA GeForce RTX 3090", "gpu_info=NVIDIA GeForce RTX 4090"]


def test_two_engines_of_one_target_share_no_place() -> None:
    other = {**session(1).engine.__dict__, "name": "llama.cpp", "effective": "cpu"}
    points = points_of([session(1, 10.0), session(2, 30.0, engine=other)])
    found = board("overview", points)
    assert named(found) == ["tvm", "llama.cpp"]
    assert [row.cells[0].value for row in found.rows] == [pytest.approx(10.0), pytest.approx(30.0)]
    assert "Conditions" not in board("device", points).row_titles  # there the engine is a name of the row


def test_a_backend_that_nobody_measures_any_more_is_not_the_newest(tmp_path: Path) -> None:
    def night(number: int) -> list[dict[str, Any]]:
        both = [{"backends": "CPU", "rate": 10.0}, {"backends": "Vulkan", "rate": 40.0}]
        return both if number < 10 else both[:1]

    points = points_of(rows(tmp_path, *nights(30, night)))
    mine = {under: one for (under, _), one in cells(board("overview", points)).items()}
    assert (mine["CPU"].last, mine["Vulkan"].last) == ("", "2026-01-10")
    assert "last 2026-01-10" in mine["Vulkan"].labels
    assert named(board("compare", points)) == ["CPU", "Vulkan, last 2026-01-10"]


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("new-default-column-hides-20-percent.jsonl", ""),
        ("driver-text-changes-hides-16-percent.jsonl", "gpu_info"),
    ],
)
def test_a_series_that_goes_on_under_new_conditions_is_one_row(name: str, what: str) -> None:
    found = board("overview", case(name))
    ((one,),) = (row.cells for row in found.rows)
    assert "Conditions" not in found.row_titles
    assert one.sessions == 60
    assert len(one.history) == 60
    assert [what in seam.what for seam in one.seams] == ([True] if what else [])


@pytest.mark.parametrize("after", [1, 2, 5])
def test_another_driver_or_a_column_more_is_the_same_row_from_the_first_night_on(tmp_path: Path, after: int) -> None:
    def night(number: int) -> list[dict[str, Any]]:
        more = (
            {"a_column": "on", "gpu_info": "GPU (driver 2)"} if number >= 30 - after else {"gpu_info": "GPU (driver 1)"}
        )
        return [{**more, "n_threads": n, "rate": 10.0} for n in (1, 4)]

    found = board("overview", points_of(rows(tmp_path, *nights(30, night))))
    assert named(found) == ["threads=1", "threads=4"]
    assert [one.sessions for row in found.rows for one in row.cells] == [30, 30]
    assert {seam.what for row in found.rows for one in row.cells for seam in one.seams} == {
        "gpu_info GPU (driver 1) -> GPU (driver 2); + a_column=on"
    }


def test_siblings_that_both_go_on_under_new_conditions_stay_two(tmp_path: Path) -> None:
    found = board("device", case("flash-attention-both-ways-one-slower.jsonl"))
    assert named(found) == ["flash_attn=0", "flash_attn=1"]


def test_new_conditions_are_held_against_the_old_ones_until_there_are_enough(tmp_path: Path) -> None:
    def night(number: int, seam: int) -> list[dict[str, Any]]:
        driver = {"gpu_info": "GPU", "backends": "Vulkan", "a_column": "new" if number >= seam else "old"}
        return [{**driver, "rate": 10.0 if number < seam else 8.0}]

    late = points_of(rows(tmp_path, *nights(30, lambda number: night(number, 27))))
    early = points_of(rows(tmp_path, *nights(30, lambda number: night(number, 15))))
    ((told,),) = (row.cells for row in board("overview", late).rows)
    ((same,),) = (row.cells for row in board("overview", early).rows)
    assert (told.word, same.word) == ("slower", "same")
    assert told.verdict is not None
    assert same.verdict is not None
    assert (told.verdict.sessions_a, same.verdict.sessions_a) == (20, 12)


def test_a_change_of_level_is_of_the_series_that_changed(tmp_path: Path) -> None:
    def night(number: int) -> list[dict[str, Any]]:
        return [{"n_threads": n, "rate": 10.0 * n * (0.8 if n == 4 and number >= 20 else 1.0)} for n in (1, 4)]

    found = board("regressions", points_of(rows(tmp_path, *nights(40, night))))
    assert named(found) == ["threads=4"]
    (row,) = found.rows
    assert row.cells[0].reason.startswith("slower by 20.")
    (chart,) = [one for one in found.charts if one.metric == "decode_tok_per_s"]
    assert [one.name for one in chart.series] == ["threads=1", "threads=4"]
    marks = [[point.at_s for point in one.points if point.changed] for one in chart.series]
    assert [len(one) for one in marks] == [0, 1]


def test_a_number_that_cannot_be_is_shown_with_its_mark_and_in_no_picture(tmp_path: Path) -> None:
    mean = dict.fromkeys(("samples_ns", "samples_ts"))
    night = nights(5, lambda number: [{"rate": 1e9 if number in (2, 4) else 10.0}])
    points = points_of(rows(tmp_path, *({**one, **mean} for one in night)))
    found = board("overview", points)
    ((one,),) = (row.cells for row in found.rows)
    assert (one.labels, one.sessions) == (("impossible",), 5)
    assert (one.value or 0) > 1e8
    assert len(one.history) == 3
    assert max(one.history) < 11
    assert [len(line.points) for chart in found.charts for line in chart.series] == [3]
    alone = points_of(rows(tmp_path, {**night[2], **mean}, name="alone.json"))
    assert board("overview", alone).charts == ()
    assert "impossible" in html_page(board("engines", alone))


def test_names_of_conditions_that_no_row_has_need_no_column(tmp_path: Path) -> None:
    alone = rows(tmp_path, *nights(40, lambda number: [{"rate": 8.0 if number >= 20 else 10.0}]))
    points = points_of([*alone, *records(CASES / ONE_NIGHT, "phone")])
    assert board("regressions", points).row_titles == ("Target", "Model", "Engine", "Test", "Metric")
    assert "Conditions" in board("overview", points).row_titles


def test_to_accept_the_loss_of_one_series_accepts_none_of_its_siblings(tmp_path: Path) -> None:
    def night(number: int) -> list[dict[str, Any]]:
        return [{"n_threads": n, "rate": 10.0 * n * (0.8 if number >= 20 else 1.0)} for n in (1, 4)]

    points = points_of(rows(tmp_path, *nights(40, night)))
    both = judge_history(points).changes
    assert len(both) == 2
    for one in both:
        entry = Accepted(**vars(one.cell), run=one.run_id, reason="known", level=one.after)
        found = judge_history(points, [entry]).changes
        assert [change.run_id for change in found if change.acknowledged == "known"] == [one.run_id]


def test_names_depend_on_no_order_and_no_filter() -> None:
    runs = records(CASES / HALVED)
    points = points_of(runs)
    Random(0).shuffle(runs)
    assert set(lines_of(points_of(runs))) == set(lines_of(points))
    one = build_board(narrowed(load_dashboard("overview"), target="b*"), points)
    assert named(one) == BACKENDS


def test_the_last_part_of_a_name_is_said_where_it_is_the_only_one(tmp_path: Path) -> None:
    report = json.loads((CASES / ONE_NIGHT).read_text())
    row = report["runs"][0]
    runs = [{**row, "effective_init_params": {**row["effective_init_params"], "n_batch": n}} for n in (256, 2048)]
    runs[1]["timestamp"] = "2026-01-01T03:00:00.000Z"
    points = points_of(records(written(tmp_path, {**report, "runs": runs})))
    assert named(board("overview", points)) == ["n_batch=256", "n_batch=2048"]


@given(st.lists(st.tuples(*[st.sampled_from(["0", "1", "2"])] * 3), min_size=2, max_size=8, unique=True))
def test_names_tell_all_siblings_apart_and_say_no_more_than_that(values: list[tuple[str, ...]]) -> None:
    siblings = [_conditions(one) for one in values]
    names = fewest([siblings])
    told = [name_of(one, names) for one in siblings]
    assert len(set(told)) == len(siblings)
    for name in names:
        fewer = [name_of(one, [each for each in names if each != name]) for one in siblings]
        assert len(set(fewer)) < len(siblings)


def _conditions(values: Sequence[str]) -> Conditions:
    settings = tuple(zip(("flash_attn", "n_batch", "poll"), values, strict=True))
    return Conditions(
        device="d",
        effective="cpu",
        threads=4,
        settings=settings,
        protocol="llama-bench",
        emulated=False,
        synthetic=False,
        layers=0,
        layers_total=0,
    )
