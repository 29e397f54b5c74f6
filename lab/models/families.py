"""The families of networks, by the `model_type` of their config.json."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from importlib import import_module
from pathlib import Path
from typing import Any, cast

from lab.core.errors import ModelError
from lab.models.family import LATER, Family, Preset, Sizes

# model_type -> module and name of the family, imported when it is used. Two types may be one family.
FAMILIES = {
    "phi3": "lab.models.phi3.family:PHI3",
    "phi3small": "lab.models.phi3small.family:PHI3_SMALL",
    "llama": "lab.models.llama.family:LLAMA",
    "qwen2": "lab.models.llama.family:QWEN2",
    "gemma": "lab.models.gemma.family:GEMMA",
    "phi": "lab.models.phi2.family:PHI2",
    "tinygpt-v": "lab.models.tinygpt_v.family:TINYGPT_V",
}
_FIRST = next(iter(FAMILIES))


def family_named(name: str) -> Family[Any]:
    """Return the family in that row of the table."""
    module, _, attribute = FAMILIES[name].partition(":")
    return cast(Family[Any], getattr(import_module(module), attribute))


def folder_of(name: str) -> Path:
    """Return the folder of the family in that row: what in it turns a model into code goes into a library's key."""
    return Path(str(import_module(FAMILIES[name].partition(":")[0]).__file__)).parent


def family_of(config: Sizes) -> Family[Any]:
    """Return the family that a configuration is of."""
    return family_named(config.family)


def read_config(document: Mapping[str, Any], where: str = "config.json") -> Sizes:
    """Return the numbers of a config.json of any family.

    Raises ModelError that names `where`, and the families known for another's, or the key that is not right.
    """
    name = document.get("model_type")
    if not isinstance(name, str) or name not in FAMILIES:
        raise ModelError(
            f"{where}: model_type is {name!r:.60}; known families: {', '.join(FAMILIES)}",
            hint="`lab models` lists what can be compiled",
        )
    return cast(Sizes, family_named(name).config_of(document, where))


def presets() -> dict[str, Preset]:
    """Return the presets of all families by name, in the order of the table."""
    return {key: preset for name in FAMILIES for key, preset in family_named(name).presets().items()}


def digestible(config: Sizes) -> dict[str, Any]:
    """Return all that tells a network from others, for keys and digests.

    Those made when there was one family do not name it, so the first row goes without a name; and those made before a
    network could have a trait do not know its field, so that goes without where it is at its default.
    """
    named = {} if config.family == _FIRST else {"family": config.family}
    unset = {one.name for one in fields(config) if LATER in one.metadata and getattr(config, one.name) == one.default}
    return {**named, **{name: value for name, value in asdict(config).items() if name not in unset}}
