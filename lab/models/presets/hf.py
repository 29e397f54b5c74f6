"""Hugging Face's spelling of a Phi-3 configuration, read strictly and written back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lab.core.errors import ModelError

if TYPE_CHECKING:
    from lab.models.presets.config import Phi3Config

_INTS = (
    "hidden_size",
    "intermediate_size",
    "num_hidden_layers",
    "num_attention_heads",
    "vocab_size",
    "max_position_embeddings",
)
_LONGROPE_NAMES = ("longrope", "su")  # "su" is what the first revisions called it
_SUPPORTED = {"model_type": "phi3", "hidden_act": "silu", "partial_rotary_factor": 1.0}


def fields(data: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return the keyword arguments of Phi3Config; ModelError names `where` and the key at fault."""
    _check_supported(data, where)
    found: dict[str, Any] = {name: _number(data, name, int, where) for name in _INTS}
    found["num_key_value_heads"] = _optional(data, "num_key_value_heads", int, where)
    found["num_key_value_heads"] = found["num_key_value_heads"] or found["num_attention_heads"]
    found["rms_norm_eps"] = float(_number(data, "rms_norm_eps", float, where))
    found["sliding_window"] = _optional(data, "sliding_window", int, where)
    found["tie_word_embeddings"] = bool(data.get("tie_word_embeddings", False))
    found.update(_rope(data, where))
    original = _optional(data, "original_max_position_embeddings", int, where)
    found["original_max_position_embeddings"] = (
        original or found.pop("rope_original", None) or found["max_position_embeddings"]
    )
    found.pop("rope_original", None)
    return found


def document(config: Phi3Config) -> dict[str, Any]:
    """Return `config` as a `config.json` document of the transformers library."""
    plain = {name: getattr(config, name) for name in (*_INTS, "num_key_value_heads", "rms_norm_eps")}
    names = ("original_max_position_embeddings", "rope_theta", "sliding_window", "tie_word_embeddings")
    plain |= {name: getattr(config, name) for name in names}
    scaling: dict[str, Any] | None = None
    if config.rope_short_factor is not None and config.rope_long_factor is not None:
        short, long = list(config.rope_short_factor), list(config.rope_long_factor)
        scaling = {"type": "longrope", "short_factor": short, "long_factor": long}
    fixed = {"architectures": ["Phi3ForCausalLM"], "model_type": "phi3", "hidden_act": "silu"}
    return {**fixed, **plain, "rope_scaling": scaling}


def _check_supported(data: Mapping[str, Any], where: str) -> None:
    nested = data.get("rope_parameters")
    said = {**nested, **data} if isinstance(nested, Mapping) else data
    for key, wanted in _SUPPORTED.items():
        value = said.get(key, wanted if key != "model_type" else None)
        if value != wanted:
            raise ModelError(
                f"{where}: {key} is {value!r}; only {wanted!r} is supported",
                hint="`lab models` lists what can be compiled",
            )


def _rope(data: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Read rope settings from `rope_parameters` (transformers 5) or `rope_theta` + `rope_scaling`."""
    nested = data.get("rope_parameters") or {}
    scaling = data.get("rope_scaling") or nested
    if not isinstance(nested, Mapping) or not isinstance(scaling, Mapping):
        raise ModelError(f"{where}: rope_scaling and rope_parameters must be objects")
    theta = float(_number({"rope_theta": 10000.0, **nested, **data}, "rope_theta", float, where))
    kind = scaling.get("rope_type", scaling.get("type", "default"))
    if kind == "default":
        return {"rope_theta": theta}
    if kind not in _LONGROPE_NAMES:
        raise ModelError(f"{where}: rope_scaling type {kind!r} is not supported; Phi-3 has longrope or none")
    return {
        "rope_theta": theta,
        "rope_short_factor": _factors(scaling, "short_factor", where),
        "rope_long_factor": _factors(scaling, "long_factor", where),
        "rope_original": _optional(scaling, "original_max_position_embeddings", int, where),
    }


def _factors(scaling: Mapping[str, Any], key: str, where: str) -> tuple[float, ...]:
    values = scaling.get(key)
    if not isinstance(values, list) or not values:
        raise ModelError(f"{where}: rope_scaling.{key} must be a list of numbers")
    if not all(isinstance(v, int | float) and not isinstance(v, bool) for v in values):
        raise ModelError(f"{where}: rope_scaling.{key} must hold numbers only")
    return tuple(float(v) for v in values)


def _optional(data: Mapping[str, Any], key: str, kind: type, where: str) -> Any:
    return None if data.get(key) is None else _number(data, key, kind, where)


def _number(data: Mapping[str, Any], key: str, kind: type, where: str) -> Any:
    if key not in data:
        raise ModelError(f"{where}: {key} is missing", hint="is this the config.json of a Phi-3 model?")
    value = data[key]
    wanted = int if kind is int else (int, float)
    if isinstance(value, bool) or not isinstance(value, wanted):
        raise ModelError(f"{where}: {key} must be {'an integer' if kind is int else 'a number'}, not {value!r}")
    return value
