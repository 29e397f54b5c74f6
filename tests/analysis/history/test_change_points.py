"""Change points against the formula of the paper, and on series whose changes are known."""

from __future__ import annotations

import numpy as np
import pytest

from lab.analysis.history.change_points import MIN_POINTS, change_points
from lab.analysis.history.energy import best_splits, p_of, ranks
from lab.analysis.history.noise import long_run_sd
from tests.analysis.history import oracle
from tests.analysis.history.histories import noise, stepped

SHAPES = ["normal", "heavy", "ties", "step"]


def series(shape: str, count: int, seed: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    draw = np.random.default_rng(seed)
    made = {
        "normal": draw.standard_normal(count),
        "heavy": draw.standard_cauchy(count),
        "ties": draw.integers(0, 4, count).astype(np.float64),
        "step": draw.standard_normal(count) + 3.0 * (np.arange(count) >= count // 3),
    }
    return made[shape]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("count", "least"), [(6, 3), (17, 2), (40, 3)])
def test_the_best_split_is_that_of_the_formula(shape: str, count: int, least: int) -> None:
    values = series(shape, count, count)
    score, place, _ = best_splits(values[None, :], least)
    expected, where = oracle.best_split(values.tolist(), least)
    assert score[0] == pytest.approx(expected)
    assert shape == "ties" or place[0] == where


def test_many_series_at_once_are_as_each_alone() -> None:
    batch = np.stack([series("normal", 30, seed) for seed in range(50)])
    scores, places, ends = best_splits(batch, 3)
    alone = [best_splits(one[None, :], 3) for one in batch]
    assert scores.tolist() == pytest.approx([float(score[0]) for score, _, _ in alone])
    pairs = [(int(place[0]), int(end[0])) for _, place, end in alone]
    assert list(zip(places.tolist(), ends.tolist(), strict=True)) == pairs


def test_ranks_share_their_place_in_a_tie() -> None:
    assert ranks(np.array([7.0, 3.0, 7.0, 9.0])).tolist() == [0.5, 0.125, 0.5, 0.875]


@pytest.mark.parametrize(("digits", "shift"), [(9, 1.2), (9, 2.0), (0, 2.0)])
def test_p_is_the_share_of_permutations_that_split_as_well(digits: int, shift: float) -> None:
    """Against permutations drawn by another generator, each split by the formula of the paper; with ties as well."""
    values = series("normal", 12, 3)
    values[6:] += shift
    values = np.round(values, digits)
    score = oracle.best_split(ranks(values).tolist(), 3)[0]
    draw = np.random.RandomState(1)
    above = sum(oracle.best_split(draw.permutation(ranks(values)).tolist(), 3)[0] >= score - 1e-12 for _ in range(300))
    assert p_of(score, values, 3) == pytest.approx(above / 300, abs=0.08)


def test_the_tail_beyond_the_drawn_permutations_is_not_too_thin() -> None:
    """Of 20 000 series of pure noise about 20 should have p under 0.001."""
    batch = np.random.default_rng(8).permuted(np.tile(ranks(np.arange(30.0)), (20_000, 1)), axis=1)
    small = sum(p_of(float(score), batch[0], 3) < 0.001 for score in best_splits(batch, 3)[0])
    assert 2 <= small <= 40


@pytest.mark.parametrize("ratio", [0.9, 1.1])
def test_a_step_is_found_where_it_is(ratio: float) -> None:
    (found,) = change_points(np.array(stepped(60, 40, ratio, seed=1)), floor=0.02)
    assert found.index == 40
    assert found.ratio == pytest.approx(ratio, abs=0.02)
    assert found.before == pytest.approx(100, rel=0.01)
    assert found.p < 1e-6


def test_a_level_that_came_and_went_is_two_changes() -> None:
    values = noise(60, 2)
    values[25:35] *= 0.9
    assert [found.index for found in change_points(values, floor=0.02)] == [25, 35]


def test_a_constant_and_a_short_series_have_none() -> None:
    assert change_points(np.full(100, 3.0)) == ()
    assert change_points(np.array(stepped(MIN_POINTS - 1, 10, 0.5, 1))) == ()


def test_sizes_that_repeat_have_their_step_found() -> None:
    pages = np.asarray(np.random.default_rng(4).integers(0, 3, 50) * 4096.0 + 3e9, np.float64)
    pages[30:] += 4e8
    assert [found.index for found in change_points(pages, floor=0.05)] == [30]


def test_what_is_under_the_floor_does_not_count() -> None:
    values = np.array(stepped(60, 30, 0.97, seed=5, cv=0.005))
    assert [found.index for found in change_points(values, floor=0.02)] == [30]
    assert change_points(values, floor=0.05) == ()


def test_outliers_are_no_level() -> None:
    values = noise(60, 6)
    values[[12, 30, 31, 47]] *= 0.4
    assert change_points(values) == ()


def test_the_scale_of_the_numbers_does_not_matter() -> None:
    values = np.array(stepped(60, 20, 0.9, seed=7))
    places = [[found.index for found in change_points(np.multiply(values, scale))] for scale in (1e-9, 1.0, 1e12)]
    assert places == [[20]] * 3


def test_the_same_series_has_the_same_answer() -> None:
    values = np.array(stepped(400, 123, 0.93, seed=8, cv=0.03))
    assert change_points(values) == change_points(values.copy())


@pytest.mark.parametrize("count", [20, 61, 151, 260, 2000, 20_000])
def test_lengths_from_20_to_20_000(count: int) -> None:
    at = count // 2
    found = change_points(np.array(stepped(count, at, 0.9, seed=count)), level=0.01, floor=0.05)
    assert [abs(one.index - at) <= 1 for one in found] == [True]


def test_a_long_series_has_all_of_its_levels_found() -> None:
    values, steps = noise(3000, 9), [49, 100, 777, 778 + 60, 1500, 2980]
    for number, at in enumerate(steps):
        values[at:] *= 0.9 if number % 2 == 0 else 1 / 0.9
    assert [found.index for found in change_points(values, floor=0.05)] == steps


def autoregressive(count: int, phi: float, seed: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    draw, values = np.random.default_rng(seed).standard_normal(count), np.empty(count)
    values[0] = draw[0]
    for i in range(1, count):
        values[i] = phi * values[i - 1] + np.sqrt(1 - phi**2) * draw[i]
    return values


def test_noise_that_remembers_is_noticed_and_a_step_is_not_taken_for_it() -> None:
    assert long_run_sd(autoregressive(4000, 0.5, 1), []) == pytest.approx(np.sqrt(3.0), rel=0.1)
    assert long_run_sd(autoregressive(4000, 0.0, 1), []) == pytest.approx(1.0, abs=0.05)
    assert long_run_sd(noise(4000, 1) + 50.0 * (np.arange(4000) > 1999), [2000]) == pytest.approx(1.0, abs=0.05)


def test_the_spread_of_means_is_what_the_long_run_promises() -> None:
    means = [float(autoregressive(100, 0.5, seed).mean()) for seed in range(500)]
    assert np.std(means) * 10 == pytest.approx(long_run_sd(autoregressive(4000, 0.5, 1), []), rel=0.1)


@pytest.mark.parametrize("phi", [0.0, 0.5])
def test_noise_alone_has_hardly_ever_a_level(phi: float) -> None:
    series_ = [100 * (1 + 0.02 * autoregressive(60, phi, seed)) for seed in range(200)]
    assert sum(bool(change_points(values, level=1e-4, floor=0.02)) for values in series_) <= 1
