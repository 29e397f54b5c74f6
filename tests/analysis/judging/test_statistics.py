"""The parts of the test, each against something else that gives the same answer."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from benchmarks.judging_signals import CELLS, KINDS, coefficients, groups, history
from lab.analysis.judging.confirm import paired
from lab.analysis.judging.evidence import adjusted, evidence
from lab.analysis.judging.noise import centre, mean_factor, past_factor, phi_of, prior
from lab.analysis.judging.numbers import Sessions
from lab.analysis.judging.spread import spread


def sessions(x: np.ndarray) -> Sessions:
    return Sessions(x, np.full(x.shape, np.nan), np.zeros(x.shape, np.int32))


def test_benjamini_and_hochberg_by_their_definition() -> None:
    p = np.array([0.01, 0.04, np.nan, 0.03, 0.5])
    known = sorted(p[np.isfinite(p)])
    by_hand = {each: min(min(known[k] * 4 / (k + 1) for k in range(known.index(each), 4)), 1.0) for each in known}
    np.testing.assert_allclose(adjusted(p), [by_hand.get(each, np.nan) for each in p])


def test_one_cell_alone_is_a_plain_t_test_and_agrees_with_every_permutation() -> None:
    a, b = np.log([10.0, 10.1, 9.9, 10.05, 9.95]), np.log([9.9, 10.05, 9.85, 10.0, 9.95])
    found = evidence(sessions(a[None]), sessions(b[None]), np.zeros(1, np.int64))
    both, seen = np.concatenate([a, b]), abs(b.mean() - a.mean())
    picks = list(itertools.combinations(range(10), 5))
    means = [both[list(pick)].mean() - np.delete(both, pick).mean() for pick in picks]
    exact = np.mean(np.abs(means) >= seen - 1e-12)
    assert found.p[0] == pytest.approx(exact, abs=0.12)
    assert found.low[0] < b.mean() - a.mean() < found.high[0]


def test_the_centre_shrugs_off_one_wild_session() -> None:
    x = np.array([[0.0, 0.01, -0.01, 0.0, 5.0]])
    assert abs(centre(x, np.array([0.01])).item()) < 0.01
    assert centre(np.array([[1.0, 3.0]]), np.array([100.0])).item() == pytest.approx(2.0)


def test_the_prior_finds_the_noise_that_cells_share() -> None:
    rng = np.random.default_rng(1)
    s2 = 4e-4 * rng.chisquare(8, 500) / 8
    found = prior(s2, np.full(500, 8.0), np.zeros(500, np.int64))
    assert found.s2[0] == pytest.approx(4e-4, rel=0.05)
    assert found.df[0] > 100


def test_the_variance_of_a_mean_of_sessions_that_resemble_each_other() -> None:
    lag = np.abs(np.subtract.outer(np.arange(5), np.arange(5)))
    assert mean_factor(np.array([5]), 0.6).item() == pytest.approx((0.6**lag).sum() / 25)
    assert mean_factor(np.array([4]), 0.0).item() == 0.25


@pytest.mark.parametrize("phi", [0.0, 0.5])
def test_resemblance_is_found_in_rows_of_five(phi: float) -> None:
    rng = np.random.default_rng(2)
    x = np.zeros((4000, 25))
    for at in range(1, 25):
        x[:, at] = phi * x[:, at - 1] + rng.normal(size=4000)
    rows = x[:, 20:] - x[:, 20:].mean(axis=1, keepdims=True)
    assert phi_of([rows]) == pytest.approx(phi, abs=0.06)


def test_the_past_knows_what_no_five_sessions_can() -> None:
    rng = np.random.default_rng(3)
    steady = rng.normal(size=(50, 60))
    waves = steady + 3 * np.sin(2 * np.pi * np.arange(60) / 30)
    group = np.zeros(50, np.int64)
    assert past_factor(steady, 5, group)[0] == pytest.approx(1.0, abs=0.25)
    assert past_factor(waves, 5, group)[0] > 5
    assert past_factor(steady[:, :6], 5, group)[0] == 1.0


def test_pairs_in_turns_cancel_what_moves_slowly() -> None:
    rng = np.random.default_rng(4)
    slope = np.arange(20) * 0.01
    x = slope + rng.normal(0, 0.01, (30, 20))
    turn = np.tile([False, True, True, False], 5)
    found = paired(x[:, turn] - x[:, ~turn], np.zeros(30, np.int64))
    assert np.abs(found.effect).max() < 0.02
    assert np.count_nonzero(found.p < 0.05 / 30) == 0


@pytest.mark.parametrize("noise", KINDS, ids=lambda noise: noise.name)
def test_a_matrix_where_nothing_changed_hardly_alarms(noise) -> None:  # type: ignore[no-untyped-def]
    rng, alarms = np.random.default_rng(5), 0
    for _ in range(3):
        past, a, b = np.split(history(rng, noise, coefficients(rng, 0.01, 0.08), 40), [30, 35], axis=1)
        found = evidence(sessions(a), sessions(b), groups(), sessions(past))
        alarms += np.count_nonzero((found.p_adjusted <= 0.05) & (np.abs(found.effect) >= 0.05))
    assert alarms < 3


def test_a_loss_of_eight_percent_is_found_among_five_hundred_cells() -> None:
    rng = np.random.default_rng(6)
    past, a, b = np.split(history(rng, KINDS[0], np.full(CELLS, 0.02), 40), [30, 35], axis=1)
    lost = np.arange(0, CELLS, 50)
    b[lost] += np.log(0.92)
    found = evidence(sessions(a), sessions(b), groups(), sessions(past))
    assert np.count_nonzero((found.p_adjusted <= 0.05) & (found.effect <= np.log(0.95))) >= 9
    assert found.effect[lost].mean() == pytest.approx(np.log(0.92), abs=0.01)


def test_a_cell_that_became_noisier_stands_out() -> None:
    rng = np.random.default_rng(7)
    a, b = rng.normal(0, 0.01, (60, 12)), rng.normal(0, 0.01, (60, 12))
    b[4] *= 12
    found = spread(sessions(a), sessions(b), np.zeros(60, np.int64))
    assert [at for at in range(60) if found.is_noisier(at, 0.05)] == [4]
