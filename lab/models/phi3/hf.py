"""Hugging Face's spelling of a Phi-3 configuration, read as transformers reads it and written back.

A key that changes what the network computes is read, or refused by its name; it is never passed over.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lab.core.errors import ModelError
from lab.models.config_values import finite, number, optional, switch, whole
from lab.models.phi3.config import Phi3Config

ORIGINAL = "original_max_position_embeddings"
ORIGINAL_DEFAULT = 4096  # transformers' default for LongRoPE, whatever max_position_embeddings is
_LONGROPE = ("longrope", "su", "yarn")  # the first revisions called it "su", some "yarn"; Phi-3 never had another
_KNOWN = {
    "type",
    "rope_type",
    "rope_theta",
    "partial_rotary_factor",
    "short_factor",
    "long_factor",
    "factor",
    "attention_factor",
    ORIGINAL,
    # Phi-3.5-MoE scales by these; the network of a "phi3" never reads them.
    "short_mscale",
    "long_mscale",
}


def rope_fields(data: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return the rotary arguments of Phi3Config; ModelError names `where` and the key at fault."""
    name, settings = _settings(data, where)
    theta = number(settings, "rope_theta", float, where) if "rope_theta" in settings else _top_theta(data, where)
    _check_partial(settings, data, where)
    found: dict[str, Any] = {"rope_theta": _positive(float(theta), "rope_theta", where)}
    kind = settings.get("rope_type", settings.get("type", "default"))
    if kind == "default":
        original = whole(data, ORIGINAL, where) if ORIGINAL in data else None
        return {**found, ORIGINAL: original or number(data, "max_position_embeddings", int, where)}
    if kind not in _LONGROPE:
        raise ModelError(f"{where}: {name} type {kind!r:.60} is not supported; Phi-3 has longrope or none")
    return {**found, **_longrope(data, settings, name, where)}


def _settings(data: Mapping[str, Any], where: str) -> tuple[str, Mapping[str, Any]]:
    for name in ("rope_scaling", "rope_parameters"):
        settings = data.get(name)
        if settings is not None and not isinstance(settings, Mapping):
            raise ModelError(f"{where}: rope_scaling and rope_parameters must be objects")
        if settings:
            _check_known(settings, name, where)
            return name, settings
    return "rope_parameters", {}


def _check_known(settings: Mapping[str, Any], name: str, where: str) -> None:
    unknown = sorted(key for key in settings if key not in _KNOWN)
    if unknown:
        raise ModelError(
            f"{where}: {name}.{unknown[0][:60]} is not known",
            hint=f"Phi-3 has {', '.join(sorted(_KNOWN))}; is this the config.json of a Phi-3 model?",
        )


def _top_theta(data: Mapping[str, Any], where: str) -> Any:
    return number({"rope_theta": 10000.0, **data}, "rope_theta", float, where)


def _check_partial(settings: Mapping[str, Any], data: Mapping[str, Any], where: str) -> None:
    share = settings.get("partial_rotary_factor", data.get("partial_rotary_factor", 1.0))
    if share != 1.0 or isinstance(share, bool):
        raise ModelError(
            f"{where}: partial_rotary_factor is {share!r:.60}; only 1.0 is supported",
            hint="`lab models` lists what can be compiled",
        )


def _longrope(data: Mapping[str, Any], settings: Mapping[str, Any], name: str, where: str) -> dict[str, Any]:
    original = whole(data, ORIGINAL, where) if ORIGINAL in data else ORIGINAL_DEFAULT
    scale = {key: optional(settings, key, float, where) for key in ("factor", "attention_factor")}
    return {
        "rope_short_factor": _factors(settings, "short_factor", name, where),
        "rope_long_factor": _factors(settings, "long_factor", name, where),
        ORIGINAL: original,
        **{f"rope_{key}": None if value is None else _positive(value, key, where) for key, value in scale.items()},
    }


def _factors(settings: Mapping[str, Any], key: str, name: str, where: str) -> tuple[float, ...]:
    values = settings.get(key)
    if not isinstance(values, list) or not values:
        raise ModelError(f"{where}: {name}.{key} must be a list of numbers")
    if not all(isinstance(v, int | float) and not isinstance(v, bool) for v in values):
        raise ModelError(f"{where}: {name}.{key} must hold numbers only")
    return tuple(finite(value, f"{name}.{key}", where) for value in values)


def _positive(value: float, key: str, where: str) -> float:
    if finite(value, key, where) <= 0:
        raise ModelError(f"{where}: {key} is {value!r}; it must be above 0")
    return float(value)


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
