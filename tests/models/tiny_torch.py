"""The tiny family's network as transformers has it: a Llama."""

from __future__ import annotations

from typing import Any

import torch
import transformers

from lab.models.decoder.config import DecoderConfig


def configuration(config: DecoderConfig) -> Any:
    return transformers.LlamaConfig(
        hidden_size=config.hidden_size,
        intermediate_size=config.intermediate_size,
        num_hidden_layers=config.num_hidden_layers,
        num_attention_heads=config.num_attention_heads,
        num_key_value_heads=config.num_key_value_heads,
        vocab_size=config.vocab_size,
        max_position_embeddings=config.max_position_embeddings,
        rms_norm_eps=config.rms_norm_eps,
        attn_implementation="eager",
    )


def without_storage(config: DecoderConfig) -> Any:
    theirs = configuration(config)
    with torch.device("meta"):
        model = transformers.LlamaForCausalLM(theirs)
    model.model.rotary_emb = type(model.model.rotary_emb)(config=theirs)
    return model.eval()
