"""Points are what the runs say, one a session, cell and metric."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lab.analysis.points.build import points_of
from lab.analysis.points.key import STATUS
from lab.analysis.points.table import STATUSES
from lab.formats.run_record import Cell, RevisionBlock
from tests.formats.samples import record


def test_a_cell_gives_its_status_and_a_point_a_metric() -> None:
    points = points_of([record()])
    metrics = [points.keys[code].cell.metric for code in points.series]
    assert metrics[0] == STATUS
    assert np.isnan(points.value[0])
    assert points.value[metrics.index("decode_tok_per_s")] == 10.0
    assert len(metrics) == len(set(metrics))


def test_runs_come_oldest_first_and_share_their_series() -> None:
    old, new = record(), replace(record(), run_id="20261124-210000-ab12cd", created_at="2026-11-24T21:00:00Z")
    points = points_of([new, old])
    assert points.runs.run_id == [old.run_id, new.run_id]
    assert len(points) == 2 * len(points.keys)


def test_a_cell_without_numbers_says_why() -> None:
    broken = replace(record(), cells=(Cell(8, 4, 0, "wrong_output", "SIGSEGV in prefill"),))
    points = points_of([broken])
    assert [STATUSES[code] for code in points.status] == ["wrong_output"]
    assert points.reasons[points.reason[0]] == "SIGSEGV in prefill"


def test_the_revision_of_the_user_stands_before_that_of_lab() -> None:
    mine = replace(record(), revision=RevisionBlock("a" * 40, True))
    runs = points_of([mine]).runs
    assert (runs.commit, list(runs.dirty)) == (["a" * 40], [True])


def test_a_mask_takes_points_and_keeps_what_they_point_at() -> None:
    points = points_of([record()])
    taken = points.where(points.n > 0)
    assert len(taken) == len(points) - len(record().cells)
    assert taken.keys == points.keys


def test_no_runs_are_no_points() -> None:
    points = points_of([])
    assert (len(points), len(points.runs)) == (0, 0)
