"""transformers' own PhiForCausalLM without storage for its weights."""

from __future__ import annotations

from typing import Any

import torch
import transformers

from lab.models.phi2 import hf
from lab.models.phi2.config import Phi2Config


def without_storage(config: Phi2Config) -> Any:
    """Build the model with shapes only; its rotary tables, which are not parameters, are made for real."""
    fields = hf.document(config)
    del fields["architectures"], fields["model_type"]  # what the class itself says
    no_tokens = dict.fromkeys(("pad_token_id", "bos_token_id", "eos_token_id"))
    theirs = transformers.PhiConfig(**fields, **no_tokens, attn_implementation="eager")
    with torch.device("meta"):
        model = transformers.PhiForCausalLM(theirs)
    model.model.rotary_emb = type(model.model.rotary_emb)(config=theirs)
    return model.eval()
