"""Hugging Face's spelling of a Phi-3 configuration, read as transformers reads it and written back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lab.core.errors import ModelError
from lab.models.config_values import optional, short, switch, whole
from lab.models.decoder.hf import (
    ORIGINAL,
    SIZES,
    check_fixed,
    check_head_dim,
    configured,
    positive,
    rope_factors,
    rope_kind,
    rope_settings,
    rope_theta,
    rotated_part,
    sizes,
)
from lab.models.phi3.config import Phi3Config

JUDGES = "ForSequenceClassification"
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
# The second are of Phi-4-mini: layers that attend to all tokens, and positions that are not stretched.
_FIXED = {"model_type": "phi3", "hidden_act": "silu", "full_attn_mod": 1, "interpolate_factor": 1}
# Switches of networks like it that a "phi3" of transformers does not have: on, they mean another network.
_OFF = ("attention_bias", "mlp_bias", "lm_head_bias")


def config_of(data: Mapping[str, Any], *, where: str = "config.json") -> Phi3Config:
    """Return the numbers of a `config.json`; ModelError names `where` and the key that is missing or not supported."""
    return configured(Phi3Config, _fields(data, where), where)


def document(config: Phi3Config) -> dict[str, Any]:
    """Return `config` as a `config.json` document of the transformers library."""
    plain = {name: getattr(config, name) for name in (*SIZES, "num_key_value_heads", "rms_norm_eps")}
    names = (ORIGINAL, "rope_theta", "sliding_window", "tie_word_embeddings")
    plain |= {name: getattr(config, name) for name in names}
    part = {} if config.partial_rotary_factor == 1.0 else {"partial_rotary_factor": config.partial_rotary_factor}
    fixed = {"architectures": ["Phi3ForCausalLM"], "model_type": "phi3", "hidden_act": "silu"}
    return {**fixed, **plain, **part, "rope_scaling": _rope_scaling(config), **_label_names(config)}


def _label_names(config: Phi3Config) -> dict[str, Any]:
    if config.labels is None:
        return {}
    names = [f"LABEL_{index}" for index in range(config.labels)]
    by_index = {str(index): name for index, name in enumerate(names)}
    by_name = {name: index for index, name in enumerate(names)}
    return {"architectures": [f"Phi3{JUDGES}"], "id2label": by_index, "label2id": by_name}


def _labels(data: Mapping[str, Any], where: str) -> int | None:
    """Return how many labels the network has, as transformers counts them; None where it makes tokens."""
    architectures = data.get("architectures") or []
    if not isinstance(architectures, list) or not any(str(name).endswith(JUDGES) for name in architectures):
        return None
    if "num_labels" in data:
        return whole(data, "num_labels", where)
    names = data.get("id2label", {"0": "", "1": ""})  # transformers leaves its default out
    if not isinstance(names, Mapping) or not names:
        raise ModelError(f"{where}: id2label must name the labels, not {short(names)}")
    return len(names)


def _fields(data: Mapping[str, Any], where: str) -> dict[str, Any]:
    check_fixed({"model_type": None, **data}, _FIXED, where)
    for key in _OFF:
        if switch(data, key, where):
            raise ModelError(f"{where}: {key} is true; Phi-3 has no biases")
    found = sizes(data, where)
    found["sliding_window"] = optional(data, "sliding_window", int, where)
    found["labels"] = _labels(data, where)
    # A head for labels is never the embedding table, whatever the base that it was put on says.
    found["tie_word_embeddings"] = found["tie_word_embeddings"] and found["labels"] is None
    check_head_dim(data, found, where)
    return {**found, **_rope_fields(data, where)}


def _rope_fields(data: Mapping[str, Any], where: str) -> dict[str, Any]:
    name, settings = rope_settings(data, _KNOWN, "Phi-3", where)
    found = {
        "rope_theta": rope_theta(data, settings, where),
        "partial_rotary_factor": rotated_part(data, settings, where),
    }
    kind = rope_kind(settings)
    if kind == "default":
        original = ORIGINAL if ORIGINAL in data else "max_position_embeddings"
        return {**found, ORIGINAL: whole(data, original, where)}
    if kind not in _LONGROPE or (kind == "yarn" and "short_factor" not in settings):
        raise ModelError(f"{where}: {name} type {kind!r:.60} is not supported; Phi-3 has longrope or none")
    return {**found, **_longrope(data, settings, name, where)}


def _longrope(data: Mapping[str, Any], settings: Mapping[str, Any], name: str, where: str) -> dict[str, Any]:
    original = whole(data, ORIGINAL, where) if ORIGINAL in data else ORIGINAL_DEFAULT
    scale = {key: optional(settings, key, float, where) for key in ("factor", "attention_factor")}
    return {
        "rope_short_factor": rope_factors(settings, "short_factor", name, where),
        "rope_long_factor": rope_factors(settings, "long_factor", name, where),
        ORIGINAL: original,
        **{f"rope_{key}": None if value is None else positive(value, key, where) for key, value in scale.items()},
    }


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
