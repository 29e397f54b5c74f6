"""transformers' own network of a config.json, without storage for its weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import transformers

_FIXED = ("architectures", "model_type")  # what the class itself says


def without_storage(document: Mapping[str, Any]) -> Any:
    """Build the network of a config.json's architecture with shapes only.

    Its rotary tables, and a factor of embeddings, which are no parameters, are made for real.
    """
    network = getattr(transformers, document["architectures"][0])
    fields = {key: value for key, value in document.items() if key not in _FIXED}
    no_tokens = dict.fromkeys(("pad_token_id", "bos_token_id", "eos_token_id"))
    theirs = network.config_class(**fields, **no_tokens, attn_implementation="eager")
    with torch.device("meta"):
        model = network(theirs)
    model.model.rotary_emb = type(model.model.rotary_emb)(config=theirs)
    table = model.model.embed_tokens
    if hasattr(table, "scalar_embed_scale"):
        table.embed_scale = torch.tensor(table.scalar_embed_scale)
    return model.eval()
