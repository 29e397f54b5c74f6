"""A small Phi-3, trained here on text that Python ships, keeps its perplexity when it is compiled."""

from __future__ import annotations

import functools
import itertools

import numpy as np
import pytest

from lab.models.quant import SCHEMES
from tests.compile.building import NATIVE
from tests.compile.network import Compiled
from tests.compile.trained import CONFIG, HELD_OUT, LENGTH, as_bytes, trained

pytestmark = pytest.mark.slow

STEPS = 250  # less than half of what benchmarks.accuracy trains: enough to be under 8


@functools.cache
def perplexity(scheme: str) -> float:
    """Perplexity of held-out text, token by token through the compiled decode function."""
    compiled = Compiled(CONFIG, SCHEMES[scheme], NATIVE[0], trained(steps=STEPS))
    losses = []
    for window in as_bytes()[-HELD_OUT:].reshape(-1, LENGTH):  # positions beyond LENGTH were never trained
        compiled.start(LENGTH)
        for token, target in itertools.pairwise(window):
            logits = compiled.feed(np.array([token])).astype(np.float64)
            losses.append(np.logaddexp.reduce(logits) - logits[target])
    return float(np.exp(np.mean(losses)))


def test_the_model_has_learnt_something():
    assert perplexity("f32") < 8  # 256 before training


@pytest.mark.parametrize(("scheme", "within"), [("f16", 0.001), ("q8", 0.005), ("q4", 0.05)])
def test_perplexity_survives_quantisation(scheme, within):
    assert abs(perplexity(scheme) / perplexity("f32") - 1) < within
