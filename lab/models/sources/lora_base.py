"""Whether an adapter is one of the base that it is to be merged into, as far as its adapter_config.json tells."""

from __future__ import annotations

import re
from collections.abc import Container
from typing import Any

from lab.core.errors import WeightsError
from lab.models.config_values import short
from lab.models.families import digestible, family_of, presets
from lab.models.family import Sizes
from lab.models.sources.lora_config import MERGE, LoraConfig

_OWNED = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]*\w")  # owner/name, in the source of a preset
_APART = ("num_hidden_layers", "labels", "tie_word_embeddings")  # what a base and its judge differ in


def check_base(said: LoraConfig, config: Sizes, changed: Container[str]) -> None:
    """Raise WeightsError where the adapter is of another base, or would part a head from the table it is tied to.

    `changed` are the tensors that it changes. A base of an unknown name may be any: then shapes alone tell.
    """
    known = [preset for preset in presets().values() if said.base and _last(said.base) in _names(preset.source)]
    if known and all(_network(preset.config) != _network(config) for preset in known):
        raise WeightsError(
            f"{said.where}: base_model_name_or_path is {short(said.base)}, a model with another configuration than the "
            "weights that it is to be merged into",
            hint=f"choose its base: --model {known[0].name}-q4, with --weights of that model",
        )
    family = family_of(config)
    for name in (family.embedding, family.head):
        if config.tie_word_embeddings and name in changed:
            raise WeightsError(
                f"{said.where}: changes {name}, and the head of the base is tied to the embedding", hint=MERGE
            )


def _last(name: str) -> str:
    """Return the name without its owner, or the last folder of a path."""
    return name.rstrip("/").rpartition("/")[2].lower()


def _names(source: str) -> set[str]:
    return {_last(name) for name in _OWNED.findall(source)}


def _network(config: Sizes) -> dict[str, Any]:
    return {key: value for key, value in digestible(config).items() if key not in _APART}
