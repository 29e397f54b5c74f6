"""TinyGPT-V's config.json. Nobody publishes one: it is that of a Phi-2 with objects for the other parts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from lab.core.errors import ModelError
from lab.models.config_values import number
from lab.models.decoder.hf import configured
from lab.models.phi2 import hf as phi2
from lab.models.tinygpt_v.config import QFormerConfig, TinyGptVConfig, VisionConfig

PARTS = {"vision_config": VisionConfig, "qformer_config": QFormerConfig}


def config_of(data: Mapping[str, Any], where: str) -> TinyGptVConfig:
    """Return the numbers of a `config.json`; ModelError names `where` and the key that is missing or not supported."""
    if data.get("qk_layernorm", True) is not True:
        raise ModelError(f"{where}: qk_layernorm is {data['qk_layernorm']!r:.60}; TinyGPT-V has these norms")
    plain = {key: value for key, value in data.items() if key not in PARTS}
    language = phi2.config_of({**plain, "qk_layernorm": False}, where)
    sizes = {one.name: getattr(language, one.name) for one in fields(language)}
    own: dict[str, Any] = {key: _whole(data, key, where) for key in ("bridge_size",) if key in data}
    vision, qformer = (_part(data, name, kind, where) for name, kind in PARTS.items())
    return configured(TinyGptVConfig, {**sizes, **own, "vision": vision, "qformer": qformer}, where)


def document(config: TinyGptVConfig) -> dict[str, Any]:
    """Return `config` as a `config.json` document."""
    parts = {"vision_config": asdict(config.vision), "qformer_config": asdict(config.qformer)}
    fixed = {"model_type": "tinygpt-v", "architectures": ["TinyGPTV"], "qk_layernorm": True}
    return {**phi2.document(config), **fixed, "bridge_size": config.bridge_size, **parts}


def _part(data: Mapping[str, Any], name: str, kind: type[Any], where: str) -> Any:
    settings = data.get(name, {})
    if not isinstance(settings, Mapping):
        raise ModelError(f"{where}: {name} must be an object")
    known = {one.name: one.type for one in fields(kind)}
    unknown = sorted(str(key) for key in settings if key not in known)
    if unknown:
        raise ModelError(f"{where}: {name}.{unknown[0]:.60} is not known", hint=f"known: {', '.join(known)}")
    return kind(**{key: _value(settings, key, known[key], f"{where}: {name}") for key in settings})


def _value(settings: Mapping[str, Any], key: str, kind: Any, where: str) -> Any:
    return _whole(settings, key, where) if kind == "int" else float(number(settings, key, float, where))


def _whole(settings: Mapping[str, Any], key: str, where: str) -> int:
    value = int(number(settings, key, int, where))
    if not 1 <= value <= 1 << 24:
        raise ModelError(f"{where}: {key} is {value}; it must be from 1 to {1 << 24}")
    return value
