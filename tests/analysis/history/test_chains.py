"""Histories that go on where their conditions change, and those that do not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lab.analysis.history.regressions import History, judge_history
from lab.analysis.history.series import Series
from lab.analysis.points.key import SeriesKey
from lab.analysis.points.table import Points
from tests.analysis.history.histories import DAY_S, KEY, NOW_S, START_S, history, noise

Values = NDArray[np.float64]


def under(threads: int = 4, **settings: Any) -> SeriesKey:
    """The series with these settings."""
    pairs = tuple(sorted((name, str(value)) for name, value in settings.items()))
    return replace(KEY, conditions=replace(KEY.conditions, threads=threads, settings=pairs))


def nights(*spans: tuple[int, int], level: float = 1.0, seed: int = 1, count: int = 60) -> Values:
    """Values in these nights, nan in the others."""
    values = np.full(count, np.nan)
    for start, end in spans:
        values[start:end] = noise(count, seed)[start:end] * level
    return values


def judged(points: Points) -> History:
    return judge_history(points, now_s=NOW_S)


def test_a_loss_under_new_conditions_is_found_and_the_field_is_named() -> None:
    found = judged(history({under(): nights((0, 30)), under(x=3): nights((30, 60), level=0.8)}))
    (change,) = found.changes
    assert (change.word, change.index, change.open, found.exit_code) == ("slower", 30, True, 3)
    assert [seam.changes for seam in change.here] == [("+ x=3",)]
    assert change.key == under(x=3)
    assert [(one.changes, one.compared, one.run_id) for one in found.conditions] == [
        (("+ x=3",), True, change.run_id),
    ]


def test_new_conditions_that_change_nothing_are_told_and_are_no_change() -> None:
    found = judged(history({under(x=3): nights((0, 30)), under(threads=8): nights((30, 60), seed=2)}))
    assert (found.changes, found.judged, found.exit_code) == ((), 1, 0)
    assert [one.changes for one in found.conditions] == [("threads 4 -> 8", "- x=3")]


def test_what_is_measured_side_by_side_is_never_one_history() -> None:
    found = judged(history({under(fa=0): nights((0, 60)), under(fa=1): nights((0, 60), level=1.3)}))
    assert (found.changes, found.judged, found.conditions) == ((), 2, ())


def test_a_column_more_continues_each_of_two_settings_by_its_own() -> None:
    points = history(
        {
            under(fa=0): nights((0, 30)),
            under(fa=1): nights((0, 30), level=1.3),
            under(fa=1, x=1): nights((30, 60), level=1.3),
            under(fa=0, x=1): nights((30, 60), level=0.8),
        }
    )
    found = judged(points)
    assert found.judged == 2
    (change,) = found.changes
    assert (change.word, change.key, change.settings) == ("slower", under(fa=0, x=1), (("fa", "0"),))
    assert found.exit_code == 3


def test_both_lose_and_both_are_told_apart_by_name() -> None:
    points = history(
        {
            under(fa=0): nights((0, 30)),
            under(fa=1): nights((0, 30), level=1.3),
            under(fa=0, x=1): nights((30, 60), level=0.8),
            under(fa=1, x=1): nights((30, 60), level=1.0),
        }
    )
    assert {change.settings for change in judged(points).changes} == {(("fa", "0"),), (("fa", "1"),)}


def test_a_setting_measured_beside_another_is_not_continued_by_a_third_value() -> None:
    """Threads 1 and 4 each night, then 1 and 8: 8 is not what became of 4, and that is told."""
    points = history(
        {
            under(threads=1): nights((0, 60), level=0.4),
            under(threads=4): nights((0, 30)),
            under(threads=8): nights((30, 60), level=0.5),
        }
    )
    found = judged(points)
    assert (found.changes, found.judged) == ((), 3)
    assert [(one.changes, one.compared) for one in found.conditions] == [(("threads 4 -> 8",), False)]


def test_one_history_that_two_could_continue_is_continued_by_neither() -> None:
    points = history(
        {
            under(threads=4): nights((0, 30)),
            under(threads=8): nights((30, 60)),
            under(threads=16): nights((30, 60), level=0.5),
        }
    )
    found = judged(points)
    assert (found.changes, found.judged) == ((), 3)
    assert {one.compared for one in found.conditions} == {False}


def test_conditions_that_came_and_went_are_part_of_one_history() -> None:
    points = history({under(): nights((0, 20), (40, 60)), under(driver=2): nights((20, 40), level=0.8)})
    found = judged(points)
    assert found.judged == 1
    assert [change.word for change in sorted(found.changes, key=lambda one: one.index)] == ["slower", "faster"]
    assert found.exit_code == 0


def test_a_night_in_which_the_new_was_tried_before_it_came_to_stay_hides_nothing() -> None:
    points = history({under(): nights((0, 25), (26, 30)), under(x=1): nights((25, 26), (30, 60), level=0.8)})
    found = judged(points)
    assert [(change.word, change.open) for change in found.changes] == [("slower", True)]


def test_two_changes_of_conditions_in_two_nights_hide_nothing() -> None:
    points = history(
        {under(): nights((0, 30)), under(x=1): nights((30, 31)), under(x=1, y=2): nights((31, 60), level=0.8)}
    )
    assert judged(points).exit_code == 3


def test_settings_tried_in_turns_in_one_evening_are_no_history() -> None:
    """Eight numbers of threads, three sessions each within two hours, all of one commit."""
    keys = {under(threads=each): nights((3 * each, 3 * each + 3), level=1 + each, count=24) for each in range(8)}
    points = history(keys, created_s=[START_S + 300 * each for each in range(24)], commits=["a" * 40] * 24)
    found = judged(points)
    assert (found.changes, found.judged, found.conditions) == ((), 0, ())


def test_another_protocol_is_never_continued_and_that_is_told() -> None:
    other = replace(KEY, conditions=replace(KEY.conditions, protocol="2"))
    found = judged(history({KEY: nights((0, 30)), other: nights((30, 60), level=0.5)}))
    assert (found.changes, found.judged) == ((), 2)
    assert [(one.changes, one.compared) for one in found.conditions] == [(("protocol 1 -> 2",), False)]


def test_the_time_of_measuring_decides_and_not_the_order_of_the_store() -> None:
    at = [START_S + DAY_S * each for each in reversed(range(60))]
    points = history({under(): nights((30, 60)), under(x=1): nights((0, 30), level=0.8)}, created_s=at)
    assert [(change.word, change.key) for change in judged(points).changes] == [("slower", under(x=1))]


def test_a_backend_goes_on_with_other_threads_beside_another_backend() -> None:
    def on(backend: str, threads: int) -> SeriesKey:
        return replace(KEY, conditions=replace(KEY.conditions, effective=backend, threads=threads))

    points = history(
        {
            on("cpu", 6): nights((0, 30)),
            on("gpu", 1): nights((0, 60), level=3.0),
            on("cpu", 4): nights((30, 60), level=0.8),
        }
    )
    found = judged(points)
    assert [(change.word, change.key) for change in found.changes] == [("slower", on("cpu", 4))]
    assert [(one.changes, one.compared) for one in found.conditions] == [(("threads 6 -> 4",), True)]


def test_the_place_of_a_change_of_conditions_is_that_with_the_fewest_on_the_wrong_side() -> None:
    """Old commits measured again under the new conditions stand among the old ones."""
    part = np.array([0, 0, 1, 0, 0, 0, 1, 1, 1, 0, 1])
    one = Series((under(), under(x=1)), np.ones(11), np.arange(11, dtype=np.int32), part)
    assert [(seam.index, seam.changes) for seam in one.seams] == [(6, ("+ x=1",))]


def test_several_sessions_a_night_of_each_setting_hide_nothing() -> None:
    """Three sessions each night with fa 0, then three with fa 1; a column more from the 11th of 20 nights on."""
    of = np.arange(120) // 3 % 2  # fa of each session
    late = np.arange(120) >= 60
    draw = noise(120, 3)
    series = {}
    for fa in (0, 1):
        for x in (0, 1):
            level = 0.8 if x and not fa else 1.0 + 0.3 * fa
            values = np.where((of == fa) & (late == bool(x)), draw * level, np.nan)
            series[under(fa=fa, x=1) if x else under(fa=fa)] = list(values)
    at = [START_S + DAY_S * (each // 6) + 600 * (each % 6) for each in range(120)]
    found = judged(history(series, created_s=at))
    assert [(change.word, change.settings) for change in found.changes] == [("slower", (("fa", "0"),))]
