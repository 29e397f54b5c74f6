"""Hugging Face's spelling of a Llama or Qwen2 configuration, read as transformers reads it and written back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lab.core.errors import ModelError
from lab.models.config_values import number, optional, switch, whole
from lab.models.decoder.hf import (
    ORIGINAL,
    SIZES,
    check_fixed,
    configured,
    positive,
    rope_kind,
    rope_settings,
    rope_theta,
    rotated_part,
    sizes,
)
from lab.models.llama.config import LlamaConfig, Qwen2Config, RopeScaling

_KINDS = ("llama3", "linear")
_ROPE_KEYS = {
    "type",
    "rope_type",
    "rope_theta",
    "partial_rotary_factor",
    "factor",
    "low_freq_factor",
    "high_freq_factor",
    ORIGINAL,
}
_ACTIVATION = {"hidden_act": "silu"}


def llama_config(data: Mapping[str, Any], where: str) -> LlamaConfig:
    """Return the numbers of a Llama's config.json; ModelError names `where` and the key at fault."""
    biases = {key: switch(data, key, where) for key in ("attention_bias", "mlp_bias")}
    return configured(LlamaConfig, {**_fields(data, "Llama", where), **biases}, where)


def qwen2_config(data: Mapping[str, Any], where: str) -> Qwen2Config:
    """Return the numbers of a Qwen2's config.json; ModelError names `where` and the key at fault."""
    _check_windows(data, where)
    whole(data, "num_key_value_heads", where)  # transformers would take 32 of them
    return configured(Qwen2Config, _fields(data, "Qwen2", where), where)


def llama_document(config: LlamaConfig) -> dict[str, Any]:
    """Return `config` as a config.json of the transformers library."""
    biases = {"attention_bias": config.attention_bias, "mlp_bias": config.mlp_bias}
    return {"architectures": ["LlamaForCausalLM"], "model_type": "llama", **_document(config), **biases}


def qwen2_document(config: Qwen2Config) -> dict[str, Any]:
    """The same of a Qwen2."""
    fixed = {"architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "use_sliding_window": False}
    return {**fixed, **_document(config)}


def _fields(data: Mapping[str, Any], title: str, where: str) -> dict[str, Any]:
    found = sizes(data, where)
    check_fixed(data, _ACTIVATION, where)
    size = optional(data, "head_dim", int, where)
    # The size that follows from the others is no size of its own: the same network is the same configuration.
    own = None if size is None or size * found["num_attention_heads"] == found["hidden_size"] else size
    return {**found, "head_size": own, **_rope_fields(data, title, where)}


def _rope_fields(data: Mapping[str, Any], title: str, where: str) -> dict[str, Any]:
    name, settings = rope_settings(data, _ROPE_KEYS, title, where, _KINDS)
    if rotated_part(data, settings, where) != 1.0:
        raise ModelError(f"{where}: partial_rotary_factor: {title} rotates whole heads")
    kind, theta = rope_kind(settings), rope_theta(data, settings, where)
    if kind == "default":
        return {"rope_theta": theta, ORIGINAL: whole(data, "max_position_embeddings", where)}
    inside = f"{where}: {name}"
    scale = {"factor": positive(number(settings, "factor", float, inside), "factor", inside)}
    if kind == "llama3":
        for key in ("low_freq_factor", "high_freq_factor"):
            scale[key] = positive(number(settings, key, float, inside), key, inside)
    scaling = configured(RopeScaling, {"kind": kind, **scale}, inside)
    return {"rope_theta": theta, "rope_scaling": scaling, ORIGINAL: _original(data, settings, where)}


def _original(data: Mapping[str, Any], settings: Mapping[str, Any], where: str) -> int:
    """Return the context before it was stretched: transformers looks at the top, inside, and takes the longest."""
    holder = next((one for one in (data, settings) if one.get(ORIGINAL) is not None), None)
    return whole(data, "max_position_embeddings", where) if holder is None else whole(holder, ORIGINAL, where)


def _check_windows(data: Mapping[str, Any], where: str) -> None:
    if switch(data, "use_sliding_window", where):
        raise ModelError(f"{where}: use_sliding_window is true; only layers that attend to all tokens are supported")
    kinds = data.get("layer_types")
    if kinds is not None and (not isinstance(kinds, list) or set(map(str, kinds)) - {"full_attention"}):
        raise ModelError(f"{where}: layer_types: only layers of full_attention are supported")


def _document(config: LlamaConfig) -> dict[str, Any]:
    names = (*SIZES, "num_key_value_heads", "rms_norm_eps", "rope_theta", "tie_word_embeddings", "head_dim")
    plain = {name: getattr(config, name) for name in names}
    return {"hidden_act": "silu", **plain, "rope_scaling": _rope_scaling(config)}


def _rope_scaling(config: LlamaConfig) -> dict[str, Any] | None:
    scaling = config.rope_scaling
    if scaling is None:
        return None
    if scaling.kind == "linear":
        return {"rope_type": "linear", "factor": scaling.factor}
    factors = {key: getattr(scaling, key) for key in ("factor", "low_freq_factor", "high_freq_factor")}
    return {"rope_type": "llama3", **factors, ORIGINAL: config.original_max_position_embeddings}
