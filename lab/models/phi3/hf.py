"""Hugging Face's spelling of a Phi-3 configuration, read as transformers reads it and written back.

A key that changes what the network computes is read, or refused by its name; it is never passed over.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lab.core.errors import ModelError
from lab.models.config_values import number, optional, switch, whole
from lab.models.phi3.config import Phi3Config
from lab.models.phi3.hf_rope import ORIGINAL, rope_fields

_INTS = (
    "hidden_size",
    "intermediate_size",
    "num_hidden_layers",
    "num_attention_heads",
    "vocab_size",
    "max_position_embeddings",
)
_SUPPORTED = {"model_type": "phi3", "hidden_act": "silu"}
# Switches of networks like it that a "phi3" of transformers does not have: on, they mean another network.
_OFF = ("attention_bias", "mlp_bias", "lm_head_bias")


def config_of(data: Mapping[str, Any], *, where: str = "config.json") -> Phi3Config:
    """Return the numbers of a `config.json`; ModelError names `where` and the key that is missing or not supported."""
    fields = _fields(data, where)
    try:
        return Phi3Config(**fields)
    except ModelError as problem:
        raise ModelError(f"{where}: {problem.what}", hint=problem.hint) from problem


def document(config: Phi3Config) -> dict[str, Any]:
    """Return `config` as a `config.json` document of the transformers library."""
    plain = {name: getattr(config, name) for name in (*_INTS, "num_key_value_heads", "rms_norm_eps")}
    names = (ORIGINAL, "rope_theta", "sliding_window", "tie_word_embeddings")
    plain |= {name: getattr(config, name) for name in names}
    fixed = {"architectures": ["Phi3ForCausalLM"], "model_type": "phi3", "hidden_act": "silu"}
    return {**fixed, **plain, "rope_scaling": _rope_scaling(config)}


def _fields(data: Mapping[str, Any], where: str) -> dict[str, Any]:
    _check_supported(data, where)
    found: dict[str, Any] = {name: whole(data, name, where) for name in _INTS}
    heads = found["num_attention_heads"]
    absent = data.get("num_key_value_heads") is None
    found["num_key_value_heads"] = heads if absent else whole(data, "num_key_value_heads", where)
    found["rms_norm_eps"] = float(number(data, "rms_norm_eps", float, where))
    found["sliding_window"] = optional(data, "sliding_window", int, where)
    found["tie_word_embeddings"] = switch(data, "tie_word_embeddings", where)
    _check_head_dim(data, found["hidden_size"], heads, where)
    return {**found, **rope_fields(data, where)}


def _rope_scaling(config: Phi3Config) -> dict[str, Any] | None:
    if config.rope_short_factor is None or config.rope_long_factor is None:
        return None
    scale = {"factor": config.rope_factor, "attention_factor": config.rope_attention_factor}
    return {
        "type": "longrope",
        "short_factor": list(config.rope_short_factor),
        "long_factor": list(config.rope_long_factor),
        **{key: value for key, value in scale.items() if value is not None},
    }


def _check_supported(data: Mapping[str, Any], where: str) -> None:
    for key, wanted in _SUPPORTED.items():
        value = data.get(key, wanted if key != "model_type" else None)
        if value != wanted:
            raise ModelError(
                f"{where}: {key} is {value!r:.60}; only {wanted!r} is supported",
                hint="`lab models` lists what can be compiled",
            )
    for key in _OFF:
        if switch(data, key, where):
            raise ModelError(f"{where}: {key} is true; Phi-3 has no biases")
    if data.get("quantization_config") is not None:
        raise ModelError(
            f"{where}: quantization_config: weights that are quantised already are not read",
            hint="give the folder of the original model; lab quantises it itself",
        )


def _check_head_dim(data: Mapping[str, Any], hidden: int, heads: int, where: str) -> None:
    size = optional(data, "head_dim", int, where)
    if size is not None and size * heads != hidden:
        raise ModelError(f"{where}: head_dim is {size}, hidden_size / num_attention_heads is {hidden / heads:g}")
