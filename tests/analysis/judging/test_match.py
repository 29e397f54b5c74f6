"""Series of two sides meet by equal fields, never by order."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from lab.analysis.judging.matching import match
from lab.analysis.judging.span import Span
from lab.analysis.points.key import STATUS, SeriesKey
from tests.analysis.judging.histories import key


def series(**settings: Any) -> SeriesKey:
    threads = settings.pop("threads", 2)
    return key(metric=STATUS, threads=threads, settings=tuple(sorted((name, str(v)) for name, v in settings.items())))


def paired(a: list[SeriesKey], b: list[SeriesKey]) -> list[tuple[SeriesKey | None, SeriesKey | None]]:
    """The pairs, with each side's series measured side by side over four sessions."""
    keys = list(dict.fromkeys([*a, *b]))
    sides = ({keys.index(one): Span(start, start + 9, 4) for one in side} for start, side in ((0, a), (10, b)))
    found = match(keys, *sides)
    return [tuple(None if place is None else keys[place] for place in (one.a, one.b)) for one in found]  # type: ignore[misc]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_column_more_does_not_cross_settings_that_have_an_equal(order: tuple[int, int]) -> None:
    a = [series(fa=0), series(fa=1)]
    b = [series(fa=0, x=0), series(fa=1, x=0)]
    assert sorted(paired(a, [b[place] for place in order])) == sorted(zip(a, b, strict=True))


def test_every_order_of_three_gives_the_same_pairs() -> None:
    a = [series(fa=fa, threads=threads) for fa, threads in ((0, 1), (0, 4), (1, 4))]
    b = [series(fa=fa, threads=threads, x=1, y=2) for fa, threads in ((1, 4), (0, 1), (0, 4))]
    truth = sorted(zip(a, [b[1], b[2], b[0]], strict=True))
    assert all(sorted(paired(list(one), list(other))) == truth for one in permutations(a) for other in permutations(b))


def test_what_a_side_varies_is_never_held_against_another_value() -> None:
    a, b = [series(threads=1), series(threads=4)], [series(threads=1), series(threads=8)]
    assert paired(a, b) == [(a[0], b[0]), (a[1], None), (None, b[1])]


def test_one_against_two_that_are_as_near_is_paired_with_neither() -> None:
    a, b = [series(threads=4)], [series(threads=8), series(threads=16)]
    assert paired(a, b) == [(a[0], None), (None, b[0]), (None, b[1])]


def test_one_against_one_is_compared_whatever_differs() -> None:
    a, b = [series(threads=4)], [series(threads=8, x=1)]
    assert paired(a, b) == [(a[0], b[0])]


def test_what_is_alone_is_told_by_field() -> None:
    keys = [series(fa=0), series(fa=1)]
    found = match(keys, {0: Span(0, 4, 3), 1: Span(0, 4, 3)}, {0: Span(5, 8, 3)})
    assert [(one.a, one.b, one.obstacle, one.under) for one in found] == [(0, 0, None, ""), (1, None, None, "fa=1")]


def test_conditions_that_changed_within_a_side_are_no_alarm() -> None:
    """Side A went from 4 to 8 threads; side B has 8: what A measured with 4 is told, and not missing."""
    keys = [series(threads=4), series(threads=8)]
    found = match(keys, {0: Span(0, 3, 4), 1: Span(4, 6, 3)}, {1: Span(7, 9, 3)})
    assert [(one.a, one.b) for one in found] == [(1, 1), (0, None)]
    assert found[1].obstacle == "only the baseline has it under these conditions (threads 4 -> 8)"


def test_the_newest_conditions_of_a_side_are_compared_where_all_are_new() -> None:
    keys = [series(x=1), series(x=2), series(x=3)]
    found = match(keys, {0: Span(0, 3, 4)}, {1: Span(4, 6, 3), 2: Span(7, 9, 3)})
    assert (found[0].a, found[0].b) == (0, 2)
    assert found[1].obstacle is not None


def test_what_differs_in_unknown_columns_alone_is_not_called_missing() -> None:
    """An unknown column that has another number in each session may be a measurement, and is no reason for an alarm."""
    a, b = (
        [key(metric=STATUS, protocol="llama-bench", settings=(("foo", str(n)),)) for n in side]
        for side in ((1, 2), (3, 4))
    )
    keys = [*a, *b]
    found = match(keys, {0: Span(0, 0, 1), 1: Span(1, 1, 1)}, {2: Span(2, 2, 1), 3: Span(3, 3, 1)})
    assert [one.obstacle for one in found] == [
        "only the baseline has it under these conditions (foo 1 -> 3)",
        "only the baseline has it under these conditions (foo 2 -> 3)",
        "only the candidate has it under these conditions (foo 1 -> 3)",
        "only the candidate has it under these conditions (foo 1 -> 4)",
    ]


def test_a_machine_that_a_side_does_not_have_is_not_called_missing() -> None:
    """A service gives whatever machine is free: sessions on two of them on side A, on one of them on side B."""
    keys = [key(metric=STATUS, protocol="llama-bench", facts=(("cpu_info", name),)) for name in ("AMD", "Intel")]
    found = match(keys, {0: Span(0, 6, 4), 1: Span(1, 7, 4)}, {0: Span(8, 9, 2)})
    assert [(one.a, one.b, one.obstacle) for one in found] == [
        (0, 0, None),
        (1, None, "only the baseline has it under these conditions (cpu_info Intel -> AMD)"),
    ]


def test_backends_each_with_threads_of_its_own_meet_by_backend() -> None:
    """Threads differ between the backends of a side too, but were not varied: the backend says which is which."""
    a = [key(metric=STATUS, effective="cpu", threads=6), key(metric=STATUS, effective="gpu", threads=1)]
    b = [key(metric=STATUS, effective="cpu", threads=4), key(metric=STATUS, effective="gpu", threads=1)]
    assert sorted(paired(a, b)) == sorted(zip(a, b, strict=True))


def test_two_ways_to_meet_are_none() -> None:
    a, b = [series(fa=0, t=4), series(fa=1, t=8)], [series(fa=0, t=8), series(fa=1, t=4)]
    assert paired(a, b) == [(a[0], None), (a[1], None), (None, b[0]), (None, b[1])]


def test_settings_measured_one_after_the_other_on_both_sides_meet_too() -> None:
    """A script that runs each setting three times: off, off, off, on, on, on; and so with a column more."""
    keys = [series(fa=0), series(fa=1), series(fa=0, x=1), series(fa=1, x=1)]
    found = match(keys, {0: Span(0, 2, 3), 1: Span(3, 5, 3)}, {2: Span(6, 8, 3), 3: Span(9, 11, 3)})
    assert sorted((one.a, one.b) for one in found if not one.obstacle) == [(0, 2), (1, 3)]
