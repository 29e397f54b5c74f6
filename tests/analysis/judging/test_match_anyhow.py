"""Of any two sides: each series stands in one match, and neither order nor which side is A decides what meets."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from lab.analysis.judging.matching import match
from lab.analysis.judging.pairing import Match
from lab.analysis.judging.span import Span
from lab.analysis.points.key import STATUS, SeriesKey
from tests.analysis.judging.histories import key

SETTINGS = st.dictionaries(st.sampled_from(["fa", "t", "x", "y"]), st.sampled_from(["0", "1", "2"]), max_size=4)
SIDE = st.lists(
    st.tuples(SETTINGS, st.sampled_from(["cpu", "gpu"]), st.sampled_from(["1", "1", "1", "2"])),
    max_size=6,
    unique_by=lambda one: (tuple(sorted(one[0].items())), *one[1:]),
)  # fmt: skip


def series(told: tuple[dict[str, str], str, str]) -> SeriesKey:
    return key(metric=STATUS, settings=tuple(sorted(told[0].items())), effective=told[1], protocol=told[2])


def met(a: list[SeriesKey], b: list[SeriesKey], order: list[SeriesKey], across: tuple[str, ...] = ()) -> list[Match]:
    """The matches where all series are known in this order, and each side measured its own side by side."""
    return match(
        order, {order.index(one): Span(0, 9, 4) for one in a}, {order.index(one): Span(10, 19, 4) for one in b}, across
    )


def named(found: list[Match], order: list[SeriesKey]) -> set[tuple[Any, ...]]:
    return {
        tuple(None if place is None else order[place] for place in (one.a, one.b)) for one in found if not one.obstacle
    }


@settings(max_examples=150, deadline=None)
@given(SIDE, SIDE, st.randoms(use_true_random=False))
def test_matches_are_the_same_in_any_order_and_both_ways(one: list[Any], other: list[Any], random: Any) -> None:
    a, b = [list(map(series, side)) for side in (one, other)]
    order = list(dict.fromkeys([*a, *b]))
    found = met(a, b, order)
    assert sorted(order[each.a] for each in found if each.a is not None) == sorted(a)
    assert sorted(order[each.b] for each in found if each.b is not None) == sorted(b)
    mixed = random.sample(order, len(order))
    assert named(met(random.sample(a, len(a)), b, mixed), mixed) == named(found, order)
    assert {(y, x) for x, y in named(met(b, a, order), order)} == named(found, order)


@settings(max_examples=150, deadline=None)
@given(SIDE)
def test_a_side_meets_itself(one: list[Any]) -> None:
    a = list(map(series, one))
    assert named(met(a, a, a), a) == {(each, each) for each in a}


@settings(max_examples=100, deadline=None)
@given(SIDE, st.dictionaries(st.sampled_from(["new", "other"]), st.sampled_from(["0", "7"]), min_size=1))
def test_columns_that_all_of_the_other_side_have_cross_nothing(one: list[Any], more: dict[str, str]) -> None:
    a, b = [series(each) for each in one], [series(({**each[0], **more}, *each[1:])) for each in one]
    assert named(met(a, b, [*a, *b]), [*a, *b]) == set(zip(a, b, strict=True))
