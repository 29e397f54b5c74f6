"""Of any history: no session is lost or counted twice, and the order in which series are known does not matter."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.analysis.history.chains import Chains, chained
from lab.analysis.history.series import series_of
from lab.analysis.points.key import SeriesKey
from tests.analysis.history.histories import KEY, history

NIGHTS = 24
SETTINGS = st.dictionaries(st.sampled_from(["fa", "t", "x", "y"]), st.sampled_from(["0", "1", "2"]), max_size=3)
SPANS = st.tuples(st.integers(0, NIGHTS - 1), st.integers(1, NIGHTS), st.integers(1, 3))  # start, length, step


@st.composite
def histories(draw: st.DrawFn) -> dict[SeriesKey, np.ndarray[tuple[int], np.dtype[np.float64]]]:
    """Series that are measured in some nights, each value of all series another number."""
    found = {}
    for number, told in enumerate(
        draw(st.lists(SETTINGS, min_size=1, max_size=6, unique_by=lambda one: tuple(sorted(one.items()))))
    ):
        values = np.full(NIGHTS, np.nan)
        for start, length, step in draw(st.lists(SPANS, min_size=1, max_size=2)):
            values[start : start + length : step] = 1.0
        values *= 1000 * (number + 1) + np.arange(NIGHTS)
        found[replace(KEY, conditions=replace(KEY.conditions, settings=tuple(sorted(told.items()))))] = values
    return found


def chains(series: dict[SeriesKey, np.ndarray[tuple[int], np.dtype[np.float64]]]) -> Chains:
    points = history({key: list(values) for key, values in series.items()})
    return chained(list(series_of(points)), points.runs)


@settings(max_examples=60, deadline=None)
@given(histories())
def test_every_session_stands_in_one_history_in_its_order(
    series: dict[SeriesKey, np.ndarray[tuple[int], np.dtype[np.float64]]],
) -> None:
    found = chains(series).series
    told = sorted(value for one in found for value in one.values.tolist())
    assert told == sorted(value for values in series.values() for value in values[np.isfinite(values)].tolist())
    for one in found:
        assert (np.diff(one.runs) >= 0).all()
        assert len(one.values) == len(one.runs) == len(one.part)
        assert set(one.part.tolist()) == set(range(len(one.keys)))
        assert len(one.seams) == len(one.keys) - 1


@settings(max_examples=60, deadline=None)
@given(histories(), st.randoms(use_true_random=False))
def test_the_order_in_which_series_are_known_does_not_matter(
    series: dict[SeriesKey, np.ndarray[tuple[int], np.dtype[np.float64]]], random: object
) -> None:
    keys = list(series)
    random.shuffle(keys)  # type: ignore[attr-defined]
    one, other = chains(series), chains({key: series[key] for key in keys})
    assert {tuple(each.keys) for each in one.series} == {tuple(each.keys) for each in other.series}
    assert {each.why for each in one.apart} == {each.why for each in other.apart}
