"""A small Phi-3, trained here on text that Python ships, so that its logits mean something."""

from __future__ import annotations

import functools
import itertools
from pydoc_data import topics

import numpy as np
import pytest
import torch
from transformers import Phi3Config as HfConfig
from transformers import Phi3ForCausalLM

from lab.models.quant import SCHEMES
from tests.compile.building import RUNNABLE
from tests.compile.network import Compiled, config

CONFIG = config(vocab_size=256, hidden_size=128, intermediate_size=384, num_hidden_layers=2)
TEXT = "\n".join(topics.topics[name] for name in sorted(topics.topics))
STEPS, BATCH, LENGTH, HELD_OUT = 600, 16, 64, 1024
RATE = 5e-3

pytestmark = pytest.mark.slow


def as_bytes() -> np.ndarray:
    return np.frombuffer(TEXT.encode("utf-8"), np.uint8)


@functools.cache
def trained() -> dict[str, np.ndarray]:
    """Weights after less than a minute of training on all but the end of the text."""
    torch.manual_seed(0)
    model = Phi3ForCausalLM(HfConfig(**CONFIG.to_hf(), pad_token_id=0, eos_token_id=None, bos_token_id=None))
    data = torch.from_numpy(as_bytes()[: -4 * HELD_OUT].astype(np.int64))
    optimiser = torch.optim.AdamW(model.parameters(), lr=RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=STEPS)
    for _ in range(STEPS):
        starts = torch.randint(0, len(data) - LENGTH, (BATCH,))
        batch = torch.stack([data[s : s + LENGTH] for s in starts])
        loss = model(batch, labels=batch).loss
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    return {name: p.detach().numpy().copy() for name, p in model.named_parameters()}


@functools.cache
def perplexity(scheme: str) -> float:
    """Perplexity of held-out text, token by token through the compiled decode function."""
    compiled = Compiled(CONFIG, SCHEMES[scheme], RUNNABLE[0], trained())
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
