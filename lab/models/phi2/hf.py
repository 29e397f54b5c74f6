"""Hugging Face's spelling of a Phi-2 configuration, read as transformers reads it and written back.

A key that changes what the network computes is read, or refused by its name; it is never passed over.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lab.core.errors import ModelError
from lab.models.config_values import finite, number, optional, switch, whole
from lab.models.phi2.config import Phi2Config

_INTS = (
    "hidden_size",
    "intermediate_size",
    "num_hidden_layers",
    "num_attention_heads",
    "vocab_size",
    "max_position_embeddings",
)
_ACTIVATIONS = ("gelu_new", "gelu_pytorch_tanh")  # one function, written in two ways
_DEFAULTS = {"partial_rotary_factor": 0.5, "rope_theta": 10000.0}  # transformers'
_KNOWN = {*_DEFAULTS, "type", "rope_type"}
_HINT = "`lab models` lists what can be compiled"


def config_of(data: Mapping[str, Any], where: str) -> Phi2Config:
    """Return the numbers of a `config.json`; ModelError names `where` and the key that is missing or not supported."""
    _check_supported(data, where)
    fields = {**_sizes(data, where), **_rotary(data, where)}
    try:
        return Phi2Config(**fields)
    except ModelError as problem:
        raise ModelError(f"{where}: {problem.what}", hint=problem.hint) from problem


def document(config: Phi2Config) -> dict[str, Any]:
    """Return `config` as a `config.json` document of the transformers library."""
    plain = {name: getattr(config, name) for name in (*_INTS, "num_key_value_heads", *_DEFAULTS, "tie_word_embeddings")}
    fixed = {"architectures": ["PhiForCausalLM"], "model_type": "phi", "hidden_act": "gelu_new", "qk_layernorm": False}
    return {**fixed, **plain, "layer_norm_eps": config.rms_norm_eps, "rope_scaling": None}


def _sizes(data: Mapping[str, Any], where: str) -> dict[str, Any]:
    sizes: dict[str, Any] = {name: whole(data, name, where) for name in _INTS}
    heads = sizes["num_attention_heads"]
    absent = data.get("num_key_value_heads") is None
    sizes["num_key_value_heads"] = heads if absent else whole(data, "num_key_value_heads", where)
    sizes["original_max_position_embeddings"] = sizes["max_position_embeddings"]
    sizes["rms_norm_eps"] = float(number({"layer_norm_eps": 1e-5, **data}, "layer_norm_eps", float, where))
    sizes["tie_word_embeddings"] = switch(data, "tie_word_embeddings", where)
    size = optional(data, "head_dim", int, where)
    if size is not None and size * heads != sizes["hidden_size"]:
        each = sizes["hidden_size"] / heads
        raise ModelError(f"{where}: head_dim is {size}, hidden_size / num_attention_heads is {each:g}")
    return sizes


def _rotary(data: Mapping[str, Any], where: str) -> dict[str, Any]:
    name, settings = _settings(data, where)
    kind = settings.get("rope_type", settings.get("type", "default"))
    if kind != "default":
        raise ModelError(f"{where}: {name} type {kind!r:.60} is not supported; Phi-2 has none", hint=_HINT)
    top = {**_DEFAULTS, **data}
    values = {key: number(settings if key in settings else top, key, float, where) for key in _DEFAULTS}
    for key, value in values.items():
        if finite(value, key, where) <= 0:
            raise ModelError(f"{where}: {key} is {value!r}; it must be above 0")
    return {key: float(value) for key, value in values.items()}


def _settings(data: Mapping[str, Any], where: str) -> tuple[str, Mapping[str, Any]]:
    for name in ("rope_scaling", "rope_parameters"):
        settings = data.get(name)
        if settings is not None and not isinstance(settings, Mapping):
            raise ModelError(f"{where}: {name} must be an object")
        if settings:
            unknown = sorted(str(key) for key in settings if key not in _KNOWN)
            if unknown and settings.get("rope_type", settings.get("type", "default")) == "default":
                raise ModelError(f"{where}: {name}.{unknown[0]:.60} is not known", hint=_HINT)
            return name, settings
    return "rope_parameters", {}


def _check_supported(data: Mapping[str, Any], where: str) -> None:
    act = data.get("hidden_act", "gelu_new")
    if act not in _ACTIVATIONS:
        raise ModelError(f"{where}: hidden_act is {act!r:.60}; only 'gelu_new' is supported", hint=_HINT)
    if switch(data, "qk_layernorm", where):
        raise ModelError(f"{where}: qk_layernorm is true; Phi-2 does not normalise queries and keys", hint=_HINT)
    if data.get("quantization_config") is not None:
        raise ModelError(
            f"{where}: quantization_config: weights that are quantised already are not read",
            hint="give the folder of the original model; lab quantises it itself",
        )
