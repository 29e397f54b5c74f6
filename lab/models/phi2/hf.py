"""Hugging Face's spelling of a Phi-2 configuration, read as transformers reads it and written back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lab.core.errors import ModelError
from lab.models.config_values import number, switch
from lab.models.decoder.hf import (
    ORIGINAL,
    SIZES,
    check_fixed,
    check_head_dim,
    configured,
    positive,
    rope_settings,
    sizes,
)
from lab.models.phi2.config import Phi2Config

_ACTIVATIONS = ("gelu_new", "gelu_pytorch_tanh")  # one function, written in two ways
_DEFAULTS = {"partial_rotary_factor": 0.5, "rope_theta": 10000.0}  # transformers'
_EPS = {"layer_norm_eps": 1e-5}  # so is that


def config_of(data: Mapping[str, Any], where: str) -> Phi2Config:
    """Return the numbers of a `config.json`; ModelError names `where` and the key that is missing or not supported."""
    _check_supported(data, where)
    return configured(Phi2Config, {**_sizes(data, where), **_rotary(data, where)}, where)


def document(config: Phi2Config) -> dict[str, Any]:
    """Return `config` as a `config.json` document of the transformers library."""
    plain = {name: getattr(config, name) for name in (*SIZES, "num_key_value_heads", *_DEFAULTS, "tie_word_embeddings")}
    fixed = {"architectures": ["PhiForCausalLM"], "model_type": "phi", "hidden_act": "gelu_new", "qk_layernorm": False}
    return {**fixed, **plain, "layer_norm_eps": config.rms_norm_eps, "rope_scaling": None}


def _sizes(data: Mapping[str, Any], where: str) -> dict[str, Any]:
    eps = number({**_EPS, **data}, "layer_norm_eps", float, where)
    found = sizes({**data, "rms_norm_eps": eps}, where)
    check_head_dim(data, found, where)
    return {**found, ORIGINAL: found["max_position_embeddings"]}


def _rotary(data: Mapping[str, Any], where: str) -> dict[str, Any]:
    _, settings = rope_settings(data, {*_DEFAULTS, "type", "rope_type"}, "Phi-2", where, kinds=())
    top = {**_DEFAULTS, **data}
    values = {key: number(settings if key in settings else top, key, float, where) for key in _DEFAULTS}
    return {key: positive(value, key, where) for key, value in values.items()}


def _check_supported(data: Mapping[str, Any], where: str) -> None:
    act = data.get("hidden_act", "gelu_new")
    check_fixed({"hidden_act": "gelu_new" if act in _ACTIVATIONS else act}, {"hidden_act": "gelu_new"}, where)
    if switch(data, "qk_layernorm", where):
        raise ModelError(
            f"{where}: qk_layernorm is true; Phi-2 does not normalise queries and keys",
            hint="`lab models` lists what can be compiled",
        )
