"""Scores of two engines: what is added, what is paired with what, and the mean over seeds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.divergence import kl
from benchmarks.scores import KLS, Score, comparisons, pooled, row, score


def made(engine: str, seed: int, kl_nats: float, quant: str = "q4") -> Score:
    values = np.full(4, kl_nats) + np.array([0.0, 0.1, 0.2, 0.3])
    return Score(engine, quant, quant, seed, values, values / 2, values / 2, values / 4, 0.9, 4.0)


def test_a_score_splits_the_divergence() -> None:
    rng = np.random.default_rng(0)
    exact = rng.standard_normal((3, 4, 5))
    plain = exact + 0.3 * rng.standard_normal(exact.shape)
    whole = plain + 0.1 * rng.standard_normal(exact.shape)
    found = score("tvm", "q4", "q4", 0, rng.integers(0, 5, (3, 4)), exact, plain, whole)
    np.testing.assert_allclose(found.kl, kl(exact, whole).mean(axis=1))
    np.testing.assert_allclose(found.kl_weights, kl(exact, plain).mean(axis=1))
    np.testing.assert_allclose(found.kl_noise, kl(plain, whole).mean(axis=1))
    np.testing.assert_allclose(found.kl_added, found.kl - found.kl_weights)
    shown = row(found)
    assert shown["kl"] == pytest.approx(kl(exact, whole).mean())
    assert {type(shown[name]) for name in KLS} == {float}


def test_seeds_are_pooled_for_each_engine_and_bits() -> None:
    scores = [made("tvm", 0, 1.0), made("llama.cpp", 0, 2.0), made("tvm", 1, 3.0), made("tvm", 0, 5.0, "q8")]
    scores[2] = replace(scores[2], perplexity=9.0, same_top=0.7)
    ours, peer, eight = pooled(scores)
    assert [(one.quant, one.engine, one.seed) for one in (ours, peer, eight)] == [
        ("q4", "tvm", None),
        ("q4", "llama.cpp", None),
        ("q8", "tvm", None),
    ]
    np.testing.assert_allclose(ours.kl, [2.0, 2.1, 2.2, 2.3])
    assert (ours.same_top, ours.perplexity) == pytest.approx((0.8, 6.0))


def test_engines_are_compared_for_each_seed_and_over_all() -> None:
    scores = [made("llama.cpp", 0, 2.0), made("tvm", 0, 1.0), made("llama.cpp", 1, 2.0), made("tvm", 1, 1.5)]
    found = {(one["seed"], one["what"]): one for one in comparisons(scores)}
    assert len(found) == 3 * len(KLS)
    assert [found[seed, "kl"]["mean"] for seed in (0, 1, None)] == pytest.approx([-1, -0.5, -0.75])
    assert found[None, "kl"]["word"] == "lower"
    assert found[None, "kl_noise"]["mean"] == pytest.approx(-0.75 / 4)
    assert [found[None, "kl"][end] for end in ("seeds_low", "seeds_high")] == pytest.approx([-1, -0.5])


def test_nothing_is_proven_where_seeds_differ_in_the_direction() -> None:
    scores = [made("llama.cpp", 0, 2.0), made("tvm", 0, 1.0), made("llama.cpp", 1, 2.0), made("tvm", 1, 2.5)]
    found = {one["seed"]: one for one in comparisons(scores) if one["what"] == "kl"}
    assert [found[seed]["word"] for seed in (0, 1, None)] == ["lower", "higher", "unproven"]
    assert found[None]["high"] < 0
