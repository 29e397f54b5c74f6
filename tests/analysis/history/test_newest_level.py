"""Losses of the newest few nights: no night on which neither page tells them, and quiet series stay quiet."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.change_points import NOISES, _noise
from lab.analysis.boards.build import build_board
from lab.analysis.history.clocks import stamp_s
from lab.analysis.history.newest_level import newest_level
from lab.analysis.history.regressions import History, judge_history
from lab.analysis.points.table import Points
from lab.formats.dashboard import DashboardSpec, load_dashboard
from tests.analysis.history.histories import KEY, NOW_S, history
from tests.analysis.judging.histories import key, points

NIGHTS = range(2, 11)


def lost(nights: int, loss: float, cv: float, seed: int = 1, length: int = 60) -> Points:
    values = 50 * (1 + cv * np.random.default_rng(seed).standard_normal(length))
    values[length - nights :] *= 1 - loss
    of = points({key(): values})
    of.runs.created_s[:] = [stamp_s(one) for one in of.runs.run_id]
    return of


def judged(of: Points) -> History:
    return judge_history(of, now_s=NOW_S)


@pytest.fixture(scope="module")
def overview() -> DashboardSpec:
    return load_dashboard("overview")


def words(of: Points, spec: DashboardSpec) -> set[str]:
    return {cell.word for row in build_board(spec, of).rows for cell in row.cells}


LOSSES = [(0.1, 0.005), (0.3, 0.005), (0.08, 0.01), (0.2, 0.01), (0.1, 0.02), (0.2, 0.02)]


@pytest.mark.parametrize(("loss", "cv"), LOSSES)
def test_a_loss_is_told_from_the_second_night_on(loss: float, cv: float, overview: DashboardSpec) -> None:
    for nights in NIGHTS:
        of = lost(nights, loss, cv)
        found = judged(of)
        told = [one.word for one in found.changes if one.open]
        assert told == ["slower"] or words(of, overview) == {"slower"}, nights
        assert found.exit_code == (3 if told else 0)


@pytest.mark.parametrize("nights", NIGHTS)
def test_both_pages_tell_a_fifth_lost(nights: int, overview: DashboardSpec) -> None:
    of = lost(nights, 0.2, 0.01)
    (change,) = judged(of).changes
    assert (change.open, change.index) == (True, 60 - nights)
    assert words(of, overview) == {"slower"}


@pytest.mark.parametrize("noise", NOISES)
def test_the_end_of_a_quiet_series_is_hardly_ever_a_level(noise: str) -> None:
    series = [100 * (1 + 0.02 * _noise(noise, np.random.default_rng((9, seed)))) for seed in range(200)]
    assert sum(newest_level(one, 0.05) is not None for one in series) <= 0.025 * len(series)


def test_rare_bad_sessions_and_two_modes_are_no_level() -> None:
    draw = np.random.default_rng(10)
    normal = 100 * (1 + 0.01 * draw.standard_normal((300, 60)))
    for share, low in ((0.05, 0.8), (0.02, 0.5), (0.2, 0.9), (0.5, 0.9)):
        of = normal * np.where(draw.random(normal.shape) < share, low, 1.0)
        assert sum(newest_level(one, 0.05) is not None for one in of) <= 0.025 * len(of)


def test_one_bad_night_is_no_level_and_a_constant_repeats() -> None:
    of = np.full(60, 7.0)
    assert newest_level(of, 0.05) is None
    of[-1] = 5.0
    assert newest_level(of, 0.05) is None
    of[-2:] = 5.0
    assert newest_level(of, 0.05) is not None


def test_a_loss_that_was_made_good_is_closed_again() -> None:
    values = 50 * (1 + 0.01 * np.random.default_rng(4).standard_normal(60))
    values[30:57] *= 0.8
    assert [one.open for one in judged(history({KEY: values})).changes if one.is_worse] == [False]
