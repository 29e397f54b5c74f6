"""Divergences of distributions whose answer is known on paper."""

from __future__ import annotations

import math

import numpy as np
import pytest

from benchmarks.divergence import difference, kl, log_softmax, perplexity, same_top, windows


def test_windows_follow_each_other_and_the_rest_is_dropped() -> None:
    np.testing.assert_array_equal(windows(np.arange(7), 3), [[0, 1, 2], [3, 4, 5]])
    np.testing.assert_array_equal(windows(np.arange(6), 3), [[0, 1, 2], [3, 4, 5]])
    with pytest.raises(ValueError, match="2 ids"):
        windows(np.arange(2), 3)


def test_log_softmax_sums_to_one_and_stands_large_logits() -> None:
    found = log_softmax(np.array([[0, math.log(3)], [1e4, 1e4], [-1e30, 0]], np.float32))
    np.testing.assert_allclose(np.exp(found), [[0.25, 0.75], [0.5, 0.5], [0, 1]], rtol=1e-6)
    assert found.dtype == np.float64


def test_kl_of_two_coins() -> None:
    fair, bent = np.log([0.5, 0.5]), np.log([0.25, 0.75])
    assert kl(fair, bent) == pytest.approx(0.5 * math.log(2) + 0.5 * math.log(2 / 3))
    assert kl(bent, fair) == pytest.approx(0.25 * math.log(0.5) + 0.75 * math.log(1.5))


def test_kl_is_of_each_position_and_knows_no_offset() -> None:
    rng = np.random.default_rng(0)
    logits = rng.standard_normal((2, 3, 5)).astype(np.float32)
    found = kl(logits, logits + np.float32(2))
    assert found.shape == (2, 3)
    np.testing.assert_allclose(found, 0, atol=1e-7)
    assert (kl(logits, rng.standard_normal((2, 3, 5))) > 0).all()


def test_same_top_is_a_share_of_positions() -> None:
    reference = np.array([[[0, 1], [1, 0]], [[1, 0], [0, 1]]])
    assert same_top(reference, reference * 3) == 1
    assert same_top(reference, np.array([[[0, 1], [1, 0]], [[1, 0], [1, 0]]])) == 0.75


def test_perplexity_is_of_the_next_token_in_the_same_window() -> None:
    uniform = np.zeros((2, 4, 8), np.float32)
    ids = np.array([[0, 1, 2, 3], [7, 6, 5, 4]])
    assert perplexity(uniform, ids) == pytest.approx(8)
    sure = uniform.copy()
    np.put_along_axis(sure[:, :-1], ids[:, 1:, None], 100, axis=-1)
    assert perplexity(sure, ids) == pytest.approx(1)


def test_a_constant_difference_has_an_interval_of_nothing() -> None:
    a = np.linspace(0, 1, 20)
    found = difference(a - 0.25, a)
    assert (found.mean, found.low, found.high) == pytest.approx((-0.25,) * 3)
    assert found.word == "lower"
    assert difference(a, a - 0.25).word == "higher"


def test_the_interval_is_that_of_the_mean_and_noise_proves_nothing() -> None:
    rng = np.random.default_rng(1)
    noise = rng.standard_normal(400)
    found = difference(noise, np.zeros(400))
    assert found.mean == pytest.approx(noise.mean())
    assert (found.high - found.low) / 2 == pytest.approx(1.96 * noise.std() / 20, rel=0.1)
    assert difference(noise - noise.mean(), np.zeros(400)).word == "unproven"
    assert difference(noise, np.zeros(400)) == found
