"""What a history says: words, runs, commits, what is open, what was accepted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lab.analysis.history.clocks import clock_problems
from lab.analysis.history.regressions import History, judge_history, regressions
from lab.analysis.history.series import series_of
from lab.analysis.points.key import STATUS
from lab.analysis.points.table import STATUSES, Points
from lab.formats.acks import Accepted
from tests.analysis.history.histories import CELL, DAY_S, KEY, NOW_S, START_S, history, key, noise, run_ids, stepped


def ack(points: Points, place: int, **changes: object) -> Accepted:
    """An entry that accepts the level that begins with that run."""
    names = ("target", "model", "engine", "prompt", "generate", "depth", "metric")
    cell = {name: getattr(CELL, name) for name in names}
    return Accepted(**{**cell, "run": points.runs.run_id[place], "reason": "known", **changes})


def judged(points: Points, *accepted: Accepted, **options: object) -> History:
    return judge_history(points, accepted, now_s=NOW_S, **options)  # type: ignore[arg-type]


def test_a_change_names_its_run_and_its_commits() -> None:
    points = history({KEY: stepped(60, 40, 0.9, seed=1)})
    (change,) = judged(points).changes
    assert (change.word, change.cell, change.index) == ("slower", CELL, 40)
    assert change.run_id == points.runs.run_id[40]
    assert change.commits == (points.runs.commit[39], points.runs.commit[40])
    assert change.when == "2026-02-10T00:00:00Z"
    assert (change.sessions_before, change.sessions_after) == (40, 20)
    assert change.open
    assert judged(points).exit_code == 3


@pytest.mark.parametrize(
    ("metric", "ratio", "word"),
    [
        ("decode_tok_per_s", 1.1, "faster"),
        ("ttft_s", 1.1, "slower"),
        ("ttft_s", 0.9, "faster"),
        ("rss_peak_bytes", 1.1, "bigger"),
        ("rss_peak_bytes", 0.9, "smaller"),
    ],
)
def test_the_word_follows_the_metric(metric: str, ratio: float, word: str) -> None:
    (change,) = judged(history({key(metric=metric): stepped(60, 30, ratio, seed=2)})).changes
    assert (change.word, change.open) == (word, word in ("slower", "bigger"))


def test_series_under_other_conditions_are_not_mixed() -> None:
    """Each night with 2 threads and with 4: no change in either."""
    few = replace(KEY, conditions=replace(KEY.conditions, threads=2))
    points = history({few: noise(30, 1) * 0.6, KEY: noise(30, 2)})
    assert [len(one.values) for one in series_of(points)] == [30, 30]
    assert judged(points).changes == ()


def test_a_short_series_is_counted_as_such() -> None:
    found = judged(history({KEY: stepped(19, 10, 0.5, seed=3)}))
    assert (found.judged, found.short, found.changes, found.exit_code) == (0, 1, (), 0)


def test_what_has_no_numbers_is_no_series() -> None:
    points = history({key(metric=STATUS): [np.nan] * 30, KEY: noise(30, 1).tolist()})
    broken = replace(points, status=np.full(len(points), STATUSES.index("wrong_output"), np.int8))
    assert [one.key for one in series_of(points)] == [KEY]
    assert list(series_of(broken)) == []


def test_a_regression_that_was_made_good_is_not_open() -> None:
    values = noise(90, 4)
    values[30:60] *= 0.9
    changes = judged(history({KEY: values.tolist()})).changes
    assert [(change.word, change.open, change.newest) for change in changes] == [
        ("faster", False, True),
        ("slower", False, False),
    ]


def test_a_regression_that_was_half_made_good_stays_open() -> None:
    values = noise(90, 5)
    values[30:60] *= 0.8
    values[60:] *= 0.9
    changes = {change.word: change for change in judged(history({KEY: values.tolist()})).changes}
    assert (changes["slower"].open, changes["faster"].open) == (True, False)


def test_filters_choose_and_do_not_change_the_judgement() -> None:
    other = key(target="phone")
    points = history({KEY: stepped(60, 30, 0.9, 6), other: stepped(60, 20, 0.8, 7)})
    both = {change.cell.target: change for change in regressions(points)}
    assert regressions(points, targets=["phone"]) == (both["phone"],)
    assert regressions(points, models=["none"]) == ()


def test_a_learned_floor_lets_small_changes_count() -> None:
    points = history({KEY: stepped(60, 30, 0.97, seed=8, cv=0.005)})
    assert judged(points).changes == ()
    (change,) = judged(points, floors={("box", "decode_tok_per_s"): 0.01}).changes
    assert change.index == 30


def test_an_accepted_level_is_not_open_and_says_why() -> None:
    points = history({KEY: stepped(60, 40, 0.9, seed=1)})
    found = judged(points, ack(points, 40))
    assert (found.changes[0].acknowledged, found.changes[0].open, found.exit_code) == ("known", False, 0)


def test_an_acceptance_holds_when_more_runs_move_the_change_a_little() -> None:
    points = history({KEY: stepped(60, 40, 0.9, seed=1)})
    assert judged(points, ack(points, 37)).exit_code == 0
    assert judged(points, ack(points, 30)).exit_code == 3


def test_an_acceptance_holds_when_its_run_is_gone() -> None:
    points = history({KEY: stepped(60, 40, 0.9, seed=1)})
    gone = run_ids([START_S + 40 * DAY_S - 3600])[0]
    assert judged(points, ack(points, 40, run=gone)).exit_code == 0


def test_an_acceptance_is_of_one_cell() -> None:
    points = history({KEY: stepped(60, 40, 0.9, seed=1)})
    assert judged(points, ack(points, 40, metric="prefill_tok_per_s")).exit_code == 3
    assert judged(points, ack(points, 40, target="phone")).exit_code == 3


def test_what_is_worse_than_the_accepted_level_is_open_again() -> None:
    points = history({KEY: stepped(60, 40, 0.8, seed=1)})
    assert judged(points, ack(points, 40, level=90.0)).exit_code == 3
    assert judged(points, ack(points, 40, level=80.0)).exit_code == 0


def test_a_second_loss_after_an_accepted_one_is_open() -> None:
    values = noise(90, 9)
    values[30:] *= 0.9
    values[60:] *= 0.9
    points = history({KEY: values.tolist()})
    changes = judged(points, ack(points, 30)).changes
    assert [(change.index, change.open, change.acknowledged) for change in changes] == [
        (60, True, None),
        (30, False, "known"),
    ]


def test_an_accepted_level_covers_the_losses_before_it() -> None:
    values = noise(90, 9)
    values[30:] *= 0.9
    values[60:] *= 0.9
    points = history({KEY: values.tolist()})
    assert judged(points, ack(points, 60)).exit_code == 0


def test_runs_are_judged_in_the_order_of_time_whatever_order_they_come_in() -> None:
    values = stepped(60, 40, 0.9, seed=1)
    order = np.random.default_rng(0).permutation(60)
    created = START_S + DAY_S * np.arange(60)
    mixed = history({KEY: [values[i] for i in order]}, created_s=created[order].tolist())
    (change,) = judged(mixed).changes
    assert (change.index, change.created_s) == (40, created[40])


@pytest.mark.parametrize(
    ("at", "run_id", "problem"),
    [
        (1000, None, "its clock was not set"),
        (NOW_S + 10 * DAY_S, None, "it lies in the future"),
        (START_S + 30 * DAY_S, run_ids([START_S])[0], "its id and its time are more than a day apart"),
    ],
)
def test_a_run_whose_clock_was_wrong_is_named_and_left_out(at: int, run_id: str | None, problem: str) -> None:
    created = [*(START_S + DAY_S * np.arange(59)).tolist(), at]
    ids = [*run_ids(created[:-1]), run_id or run_ids([at])[0]]
    points = history({KEY: [*stepped(59, 40, 0.9, seed=1), 1e6]}, created_s=created, ids=ids)
    found = judged(points)
    assert found.clocks == {ids[-1]: problem}
    assert [(change.index, change.sessions_after) for change in found.changes] == [(40, 19)]


def test_sound_clocks_have_no_problems() -> None:
    assert clock_problems(history({KEY: noise(30, 1).tolist()}).runs, NOW_S) == {}


def test_no_points_are_no_changes() -> None:
    found = judged(history({KEY: []}))
    assert (found.judged, found.changes, found.exit_code) == (0, (), 0)
