"""Series with their levels, the names of their pages, and which runs have one."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.analysis.boards.lines import Line
from lab.analysis.history.regressions import regressions
from lab.analysis.pages.history import metric_history
from lab.analysis.pages.places import Place, places_on, runs_with_pages, slug_of
from lab.analysis.points.build import points_of
from lab.analysis.points.key import STATUS, CellKey
from lab.formats.dashboard import FilterSpec
from lab.jobs.site_folder import PAGE
from tests.analysis.boards.samples import failed, session, steady

DECODE = "decode_tok_per_s"
NAMES = st.text(min_size=1, max_size=150)


@pytest.fixture(scope="module")
def place() -> Place:
    """Twelve sessions at 10 tok/s, twelve at 8, and one that failed."""
    runs = [*steady(range(1, 13), "a"), *steady(range(13, 25), "b", 8.0), session(25, commit="b", cells=failed())]
    points = points_of(runs)
    (found,) = places_on(points, regressions(points), FilterSpec())
    return found


def test_a_level_is_the_median_between_two_change_points(place: Place) -> None:
    line = replace(place.line, cell=replace(place.line.cell, metric=DECODE))
    history = metric_history(line, place.metrics[DECODE], place.changes[DECODE], 400)
    assert [(level.value, level.sessions) for level in history.levels] == [(10.0, 12), (8.0, 12)]
    before, after = history.levels
    assert before.low < 10.0 < before.high
    assert before.end_s == after.start_s == history.changes[0].created_s
    assert history.total == len(history.sessions) == 24  # the one that failed has no number


def test_extremes_stay_when_a_history_is_thinned(place: Place) -> None:
    one = place.metrics[DECODE]
    values = one.points.value.copy()
    values[one.series[7]], values[one.series[3]] = 99.0, 0.1
    thinned = metric_history(place.line, replace(one, points=replace(one.points, value=values)), (), 8)
    drawn = [session.value for session in thinned.sessions]
    assert len(drawn) < 24
    assert {99.0, 0.1} < set(drawn)
    assert thinned.levels[0].value == np.median(values[one.series])


def test_runs_with_pages_are_the_newest_and_both_sides_of_a_change(place: Place) -> None:
    assert runs_with_pages([place], 0) == {11: 10, 12: 11}
    assert runs_with_pages([place], 2) == {11: 10, 12: 11, 23: 22, 24: 23}
    assert runs_with_pages([place], 1000) == {0: None, **{code: code - 1 for code in range(1, 25)}}


def test_filters_leave_the_other_series_out() -> None:
    points = points_of([*steady(range(1, 4), "a"), *steady(range(1, 4), "a", target="pixel8")])
    assert [one.line.cell.target for one in places_on(points, (), FilterSpec(target=("pix*",)))] == ["pixel8"]


def line_of(*names: str) -> Line:
    target, model, engine, under = names
    cell = CellKey(target=target, model=model, engine=engine, prompt=1, generate=2, depth=0, metric=STATUS)
    return Line(cell, under)


@given(st.tuples(NAMES, NAMES, NAMES, NAMES), st.tuples(NAMES, NAMES, NAMES, NAMES))
def test_the_name_of_a_page_is_safe_and_its_own(one: tuple[str, ...], other: tuple[str, ...]) -> None:
    name = slug_of(line_of(*one))
    assert PAGE.fullmatch(f"series/{name}.html")
    assert re.fullmatch(r"[A-Za-z0-9._+-]{1,140}", name)
    assert (name.lower() == slug_of(line_of(*other)).lower()) == (one == other)
