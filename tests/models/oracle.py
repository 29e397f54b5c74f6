"""transformers' Phi-3, as the oracle for logits."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from transformers import Phi3Config as TheirConfig
from transformers import Phi3ForCausalLM

from lab.models.phi3 import hf
from lab.models.phi3.config import Phi3Config
from lab.models.quant import F32


def logits(config: Phi3Config, weights: Mapping[str, F32], ids: list[int]) -> F32:
    """Return float32 logits [T, V] of transformers' own model with these weights."""
    extras = {"attn_implementation": "eager", "pad_token_id": 0, "bos_token_id": 0, "eos_token_id": 0}
    model = Phi3ForCausalLM(TheirConfig(**hf.document(config), **extras)).float().eval()
    state = {name: torch.from_numpy(np.array(array)) for name, array in weights.items()}
    absent = model.load_state_dict(state, strict=False)
    assert not absent.unexpected_keys
    assert absent.missing_keys == (["lm_head.weight"] if config.tie_word_embeddings else [])
    model.tie_weights()
    with torch.no_grad():
        result: F32 = model(torch.tensor([ids])).logits[0].numpy()
    return result


def rel_error(got: F32, want: F32) -> float:
    """Norm of the difference over norm of the wanted values."""
    return float(np.linalg.norm(got - want) / np.linalg.norm(want))
