"""Hugging Face's spelling of a Gemma configuration, read as transformers reads it and written back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lab.core.errors import ModelError
from lab.models.config_values import switch, whole
from lab.models.decoder.hf import (
    ORIGINAL,
    SIZES,
    check_fixed,
    configured,
    rope_settings,
    rope_theta,
    rotated_part,
    sizes,
)
from lab.models.gemma.config import GemmaConfig

# The old name is of the exact GELU; the models were trained with the other, and transformers takes that for both.
_ACTIVATIONS = ("gelu_pytorch_tanh", "gelu")
_ROPE_KEYS = {"type", "rope_type", "rope_theta", "partial_rotary_factor"}
# Keys of its successors, which are other networks.
_LATER = ("attn_logit_softcapping", "final_logit_softcapping", "query_pre_attn_scalar", "sliding_window")


def config_of(data: Mapping[str, Any], where: str) -> GemmaConfig:
    """Return the numbers of a config.json; ModelError names `where` and the key at fault."""
    for key in _LATER:
        if data.get(key):
            raise ModelError(f"{where}: {key}: a Gemma of the first generation has none")
    return configured(GemmaConfig, _fields(data, where), where)


def document(config: GemmaConfig) -> dict[str, Any]:
    """Return `config` as a config.json of the transformers library."""
    names = (*SIZES, "num_key_value_heads", "head_dim", "rms_norm_eps", "rope_theta", "tie_word_embeddings")
    plain = {name: getattr(config, name) for name in (*names, "attention_bias")}
    return {"architectures": ["GemmaForCausalLM"], "model_type": "gemma", "hidden_act": _ACTIVATIONS[0], **plain}


def _fields(data: Mapping[str, Any], where: str) -> dict[str, Any]:
    # transformers reads `hidden_act`; files of the first days name the activation under both keys.
    act = "gelu_pytorch_tanh" if data.get("hidden_act", "gelu") in _ACTIVATIONS else data["hidden_act"]
    check_fixed({**data, "hidden_act": act}, {"hidden_act": "gelu_pytorch_tanh"}, where)
    found = {**sizes(data, where), "head_size": whole(data, "head_dim", where)}
    whole(data, "num_key_value_heads", where)  # transformers would take 16 of them
    tied = {"tie_word_embeddings": switch({"tie_word_embeddings": True, **data}, "tie_word_embeddings", where)}
    biases = {"attention_bias": switch(data, "attention_bias", where)}
    return {**found, **tied, **biases, **_rope_fields(data, where)}


def _rope_fields(data: Mapping[str, Any], where: str) -> dict[str, Any]:
    _, settings = rope_settings(data, _ROPE_KEYS, "Gemma", where, kinds=())
    if rotated_part(data, settings, where) != 1.0:
        raise ModelError(f"{where}: partial_rotary_factor: Gemma rotates whole heads")
    return {"rope_theta": rope_theta(data, settings, where), ORIGINAL: whole(data, "max_position_embeddings", where)}
