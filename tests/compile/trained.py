"""A small Phi-3, trained here on text that Python ships, so that its logits mean something."""

from __future__ import annotations

import functools
from pydoc_data import topics

import numpy as np
import torch
from transformers import Phi3Config as HfConfig
from transformers import Phi3ForCausalLM

from lab.models.phi3 import hf
from tests.compile.network import config

CONFIG = config(vocab_size=256, hidden_size=128, intermediate_size=384, num_hidden_layers=2)
TEXT = "\n".join(topics.topics[name] for name in sorted(topics.topics))
STEPS, BATCH, LENGTH, HELD_OUT = 600, 16, 64, 1024
RATE = 5e-3


def as_bytes() -> np.ndarray:
    return np.frombuffer(TEXT.encode("utf-8"), np.uint8)


@functools.cache
def trained(seed: int = 0, steps: int = STEPS) -> dict[str, np.ndarray]:
    """Weights after less than a minute of training on all but the end of the text."""
    torch.manual_seed(seed)
    model = Phi3ForCausalLM(HfConfig(**hf.document(CONFIG), pad_token_id=0, eos_token_id=None, bos_token_id=None))
    data = torch.from_numpy(as_bytes()[: -4 * HELD_OUT].astype(np.int64))
    optimiser = torch.optim.AdamW(model.parameters(), lr=RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=steps)
    for _ in range(steps):
        starts = torch.randint(0, len(data) - LENGTH, (BATCH,))
        batch = torch.stack([data[s : s + LENGTH] for s in starts])
        loss = model(batch, labels=batch).loss
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    return {name: p.detach().numpy().copy() for name, p in model.named_parameters()}


def unseen() -> np.ndarray:
    """The end of the text, which no training saw. -> [4 * HELD_OUT] uint8"""
    return as_bytes()[-4 * HELD_OUT :]
