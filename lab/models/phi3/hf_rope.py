"""The rotary settings of a Phi-3 `config.json`, read as transformers reads them (Phi3Config, version 5).

They stand in `rope_scaling` (older files) or `rope_parameters`; of two that hold something, `rope_scaling` counts.
What stands beside them at the top (`rope_theta`, `partial_rotary_factor`) counts where they say nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lab.core.errors import ModelError
from lab.models.config_values import finite, number, optional, whole

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
