"""Hugging Face's spelling of a Phi-3-small configuration, as its own code reads it.

A key that changes what the network computes is read, or refused by its name. Passed over are those of training
(dropout, initialisation), of the published code's own kernels (blocksparse_triton_kernel_block_size,
pad_sequence_to_multiple_of_64, reorder_and_upcast_attn) and attention_bias, which that code does not read: the biases
are there. Tokens that it never lets through (`dummy_token_indices`) are a matter of sampling, which lab does not do.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lab.core.errors import ModelError
from lab.models.config_values import number, optional, switch, whole
from lab.models.decoder.hf import (
    ORIGINAL,
    check_fixed,
    check_others,
    configured,
    positive,
    rope_factors,
    rope_kind,
    rope_settings,
)
from lab.models.phi3small.config import Phi3SmallConfig

# Our field, config.json's key.
_WHOLE = {
    "hidden_size": "hidden_size",
    "intermediate_size": "ff_intermediate_size",
    "num_hidden_layers": "num_hidden_layers",
    "num_attention_heads": "num_attention_heads",
    "vocab_size": "vocab_size",
    "max_position_embeddings": "max_position_embeddings",
    "block_size": "blocksparse_block_size",
    "local_blocks": "blocksparse_num_local_blocks",
    "vert_stride": "blocksparse_vert_stride",
}
_HINT = "`lab models` lists what can be compiled"
_FIXED = {"hidden_act": "gegelu", "ff_dim_multiplier": None, "rope_position_scale": 1.0}
_LONGROPE = ("su", "longrope")
_ROPE = {"type", "rope_type", "short_factor", "long_factor", "short_mscale", "long_mscale", ORIGINAL}


def config_of(data: Mapping[str, Any], where: str) -> Phi3SmallConfig:
    """Return the numbers of a `config.json`; ModelError names `where` and the key that is missing or not supported."""
    check_others(data, where)
    check_fixed(data, _FIXED, where)
    return configured(
        Phi3SmallConfig, {**_sizes(data, where), **_multipliers(data, where), **_rotary(data, where)}, where
    )


def document(config: Phi3SmallConfig) -> dict[str, Any]:
    """Return `config` as a `config.json` document."""
    scaling = config.attention_multiplier is not None
    found: dict[str, Any] = {
        "architectures": ["Phi3SmallForCausalLM"],
        "model_type": "phi3small",
        "hidden_act": "gegelu",
        **{key: getattr(config, name) for name, key in _WHOLE.items()},
        "num_key_value_heads": config.num_key_value_heads,
        "blocksparse_homo_head_pattern": config.one_pattern,
        "dense_attention_every_n_layers": config.dense_every,
        "layer_norm_epsilon": config.rms_norm_eps,
        "gegelu_limit": config.gegelu_limit,
        "mup_use_scaling": scaling,
        "mup_attn_multiplier": config.attention_multiplier if scaling else 1.0,
        "mup_embedding_multiplier": config.embedding_multiplier,
        "mup_width_multiplier": config.width_multiplier,
        "rope_embedding_base": config.rope_theta,
        "rope_position_scale": 1.0,
        "tie_word_embeddings": config.tie_word_embeddings,
    }
    return found if config.rope_short_factor is None else {**found, **_longrope(config)}


def _longrope(config: Phi3SmallConfig) -> dict[str, Any]:
    scale = config.rope_attention_factor
    return {
        ORIGINAL: config.original_max_position_embeddings,
        "rope_scaling": {
            "type": "longrope",
            "short_factor": list(config.rope_short_factor or ()),
            "long_factor": list(config.rope_long_factor or ()),
            **({} if scale is None else {"short_mscale": scale, "long_mscale": scale}),
        },
    }


def _sizes(data: Mapping[str, Any], where: str) -> dict[str, Any]:
    sizes: dict[str, Any] = {name: whole(data, key, where) for name, key in _WHOLE.items()}
    absent = data.get("num_key_value_heads") is None
    sizes["num_key_value_heads"] = sizes["num_attention_heads"] if absent else whole(data, "num_key_value_heads", where)
    sizes["one_pattern"] = switch(data, "blocksparse_homo_head_pattern", where)
    sizes["dense_every"] = (
        optional(data, "dense_attention_every_n_layers", int, where) or None
    )  # as published: 0 is none
    sizes["rms_norm_eps"] = float(number(data, "layer_norm_epsilon", float, where))
    sizes["tie_word_embeddings"] = switch({"tie_word_embeddings": True, **data}, "tie_word_embeddings", where)
    return sizes


def _multipliers(data: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return muP's factors; one that is null or 0 is left out by the published code."""
    factors = {
        name: optional(data, key, float, where) or 1.0
        for name, key in (
            ("embedding_multiplier", "mup_embedding_multiplier"),
            ("width_multiplier", "mup_width_multiplier"),
        )
    }
    attention = float(number(data, "mup_attn_multiplier", float, where)) if _mup(data, where) else None
    limit = optional(data, "gegelu_limit", float, where)
    return {**factors, "attention_multiplier": attention, "gegelu_limit": limit}


def _mup(data: Mapping[str, Any], where: str) -> bool:
    return switch({"mup_use_scaling": True, **data}, "mup_use_scaling", where)


def _rotary(data: Mapping[str, Any], where: str) -> dict[str, Any]:
    name, settings = rope_settings(data, _ROPE, "Phi-3-small", where)
    base = positive(number(data, "rope_embedding_base", float, where), "rope_embedding_base", where)
    kind = rope_kind(settings)
    if kind == "default":
        return {"rope_theta": base, ORIGINAL: whole(data, "max_position_embeddings", where)}
    if kind not in _LONGROPE:
        raise ModelError(f"{where}: {name} type {kind!r:.60} is not supported; Phi-3-small has longrope or none")
    return {
        "rope_theta": base,
        ORIGINAL: whole(data if ORIGINAL in data else settings, ORIGINAL, where),
        "rope_short_factor": rope_factors(settings, "short_factor", name, where),
        "rope_long_factor": rope_factors(settings, "long_factor", name, where),
        "rope_attention_factor": _magnitude(settings, where),
    }


def _magnitude(scaling: Mapping[str, Any], where: str) -> float | None:
    """Return what cos and sin are multiplied by, of short and of long contexts; None where it follows from these."""
    short, long = (optional(scaling, key, float, where) for key in ("short_mscale", "long_mscale"))
    short, long = (value if value is not None and value > 0 else None for value in (short, long))
    if short != long:
        raise ModelError(
            f"{where}: rope_scaling.short_mscale is {short}, long_mscale {long}; only equal ones are supported",
            hint=_HINT,
        )
    return short
