"""A Hugging Face folder as transformers' own save_pretrained writes it, with the network that filled it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import transformers

from lab.models.decoder.config import DecoderConfig
from lab.models.families import family_of

SHARP = 0.2  # the deviation of matrices: large enough that attention and gates are far from linear


def network(config: DecoderConfig, seed: int = 1) -> Any:
    """Return transformers' network of `config` in float32, its seeded weights large enough to tell its parts."""
    document = family_of(config).document(config)
    kind = getattr(transformers, document["architectures"][0])
    fields = {key: value for key, value in document.items() if key not in ("architectures", "model_type")}
    theirs = kind.config_class(
        **fields, attn_implementation="eager", pad_token_id=0, bos_token_id=None, eos_token_id=None
    )
    torch.manual_seed(seed)
    model = kind(theirs).float().eval()
    with torch.no_grad():
        for name, weights in model.named_parameters():
            scale = SHARP if weights.ndim == 2 else 0.1
            weights.copy_(torch.randn(weights.shape) * scale + (name.endswith("norm.weight") and not _less_1(document)))
    return model


def write(folder: Path, config: DecoderConfig, seed: int = 1) -> Any:
    """Write the folder and return the network."""
    model = network(config, seed)
    model.save_pretrained(folder)
    return model


def logits(model: Any, ids: list[int]) -> Any:
    """Return the logits of every position [T, V] as float32."""
    with torch.no_grad():
        return model(torch.tensor([ids])).logits[0].numpy()


def _less_1(document: dict[str, Any]) -> bool:
    return bool(document["model_type"] == "gemma")
