"""`noisier`: one bad session is no spread, two modes are none, and a spread that doubled is found."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.noise_words import NOISES, SHAPES, Case, Noise, alarms, row
from lab.analysis.judging.evidence import by_modes
from lab.analysis.judging.numbers import Sessions
from lab.analysis.judging.permuted import chance
from lab.analysis.judging.spread import spread


def sessions(x: np.ndarray) -> Sessions:
    return Sessions(x, np.full(x.shape, np.nan), np.zeros(x.shape, np.int32))


@pytest.mark.slow
@pytest.mark.parametrize(("past", "gates"), [(0, 4), (40, 1)])
def test_gates_in_which_nothing_changed_are_red_in_fewer_than_two_of_a_hundred(past: int, gates: int) -> None:
    rows = [row(Case(noise, *shape, past), gates) for noise in NOISES for shape in SHAPES]
    assert sum(one.red for one in rows) < 0.02 * sum(one.gates for one in rows)


@pytest.mark.parametrize("shape", [(12, 10, 0), (4, 20, 0), (1, 60, 0), (1, 40, 60)])
def test_a_spread_that_doubled_is_found_in_eighty_of_a_hundred(shape: tuple[int, int, int]) -> None:
    assert row(Case(NOISES[0], *shape, doubled=True), 25).red >= 20


def test_few_sessions_cannot_decide_and_turn_nothing_red() -> None:
    rng = np.random.default_rng(1)
    assert not any(alarms(Case(NOISES[0], 1, 4, doubled=True), rng) for _ in range(40))


def test_noise_that_the_past_knows_is_nothing_new() -> None:
    """Side A happened to be quiet: the sixty sessions before it were as noisy as side B is."""
    rng = np.random.default_rng(2)
    a, b, past = (rng.normal(0, sd, (12, many)) for sd, many in ((0.01, 8), (0.02, 8), (0.02, 60)))
    group = np.zeros(12, np.int64)
    without = spread(sessions(a), sessions(b), group)
    with_past = spread(sessions(a), sessions(b), group, sessions(past))
    assert any(without.is_noisier(at, 0.05) for at in range(12))
    assert not any(with_past.is_noisier(at, 0.05) for at in range(12))


def test_a_change_of_level_is_no_spread() -> None:
    rng, group = np.random.default_rng(5), np.zeros(12, np.int64)
    a, b, past = (rng.normal(0, 0.003, (12, many)) for many in (20, 8, 60))
    found = spread(sessions(a), sessions(b - 0.04), group, sessions(past))
    assert not any(found.may_be_noisier(at, 0.05) for at in range(12))


def test_a_past_at_another_level_says_nothing_of_the_spread() -> None:
    rng = np.random.default_rng(3)
    a, b, past = (rng.normal(0, sd, (12, many)) for sd, many in ((0.01, 8), (0.03, 8), (0.01, 60)))
    past[:, :30] += 0.5
    found = spread(sessions(a), sessions(b), np.zeros(12, np.int64), sessions(past))
    assert any(found.is_noisier(at, 0.05) for at in range(12))


@given(st.lists(st.integers(0, 4), min_size=6, max_size=9), st.integers(2, 4))
@settings(max_examples=40, deadline=None)
def test_the_chance_is_that_of_every_way_to_deal_the_sessions(scores: list[int], n_b: int) -> None:
    ways = [sum(scores[place] for place in chosen) for chosen in combinations(range(len(scores)), n_b)]
    own, joint = chance(np.array([scores], float), n_b)
    assert own[0] == pytest.approx(np.mean([way >= sum(scores[-n_b:]) for way in ways]))
    assert joint == own[0]


def test_beyond_the_drawn_ways_the_chance_goes_on_to_fall() -> None:
    mild, wild = (np.concatenate([np.linspace(0, 1, 30), np.linspace(low, 2, 15)])[None] for low in (0.9, 1.6))
    (less,), (more,) = (chance(scores, 15)[0] for scores in (mild, wild))
    assert 0 < more < less < 1e-4


@given(st.permutations(range(8)), st.permutations(range(8)))
@settings(max_examples=25, deadline=None)
def test_the_order_of_sessions_within_a_side_changes_nothing(of_a: list[int], of_b: list[int]) -> None:
    rng = np.random.default_rng(4)
    a, b, group = rng.normal(0, 0.01, (3, 8)), rng.normal(0, 0.03, (3, 8)), np.zeros(3, np.int64)
    one, other = spread(sessions(a), sessions(b), group), spread(sessions(a[:, of_a]), sessions(b[:, of_b]), group)
    np.testing.assert_allclose(one.p_adjusted, other.p_adjusted)
    np.testing.assert_allclose(one.between, other.between)


def test_two_modes_that_are_further_apart_than_the_floor_are_no_loss() -> None:
    rows = [row(Case(Noise("two modes", 0.5, 0.92), *shape), 60) for shape in ((1, 5), (4, 5), (1, 8))]
    assert sum(one.red for one in rows) < 0.02 * sum(one.gates for one in rows)


def test_a_side_with_both_modes_is_judged_by_their_counts() -> None:
    a, mixed = np.array([[0.0, 0.01, 0.0, 0.01, 0.0]]), np.array([[-0.1, -0.1, -0.1, 0.0, -0.11]])
    low = np.full((1, 5), -0.1)
    assert by_modes(a, mixed, np.array([0.001]))[0] == pytest.approx(2 * 6 / 252)
    assert by_modes(a, low, np.array([0.001]))[0] == 0.001
