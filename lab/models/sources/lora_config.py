"""adapter_config.json of a PEFT folder: what of it changes the merged weights is read, or refused by its key."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lab.core.errors import ModelError
from lab.models.config_values import number, short, switch, whole

# What says how the adapter was trained, found or is run: the merged weights do not depend on it.
_PASSED_OVER = {
    "arrow_config",
    "auto_mapping",
    "ensure_weight_tying",
    "eva_config",
    "inference_mode",
    "layers_pattern",
    "loftq_config",
    "lora_dropout",
    "megatron_core",
    "peft_version",
    "qalora_group_size",
    "revision",
    "runtime_config",
    "task_type",
}
_READ = {
    "alpha_pattern",
    "base_model_name_or_path",
    "bias",
    "exclude_modules",
    "fan_in_fan_out",
    "init_lora_weights",
    "layers_to_transform",
    "lora_alpha",
    "modules_to_save",
    "peft_type",
    "r",
    "rank_pattern",
    "target_modules",
    "use_rslora",
}
Names = tuple[str, ...] | str
_STARTS = (None, True, False, "gaussian", "eva", "orthogonal")  # others change the base's own weights
_LAYER = re.compile(r".*?\.[^.]*\.(?P<index>\d+)\.")
_PATTERN_CHARS = 200
MERGE = "merge it with peft (merge_and_unload(), then save_pretrained()) and give that folder with --weights"


@dataclass(frozen=True)
class LoraConfig:
    """What an adapter_config.json says; `where` is its name in messages.

    `targets`, but for `excluded`, are ends of module names or one regular expression of a whole name. `ranks` and
    `alphas` are by patterns of module names. `layers` None means all. `saved` are modules that are replaced whole.
    """

    where: str
    rank: int
    alpha: float
    by_root: bool
    ranks: Mapping[str, float]
    alphas: Mapping[str, float]
    targets: Names
    excluded: Names
    layers: frozenset[int] | None
    saved: tuple[str, ...]
    base: str | None

    def rank_of(self, module: str) -> int:
        """Return the rank of a module's adapter."""
        return int(_by_pattern(self.ranks, module, self.rank))

    def scaling_of(self, module: str) -> float:
        """Return what the product of a module's B and A is multiplied by."""
        rank = self.rank_of(module)
        return _by_pattern(self.alphas, module, self.alpha) / (rank**0.5 if self.by_root else rank)

    def names(self, module: str) -> bool:
        """Whether `target_modules` and `layers_to_transform` name the module."""
        if matches(self.excluded, module) or matches(self.saved, module):
            return False
        layer = _LAYER.match(module)
        if isinstance(self.targets, str) and self.targets.lower() == "all-linear":
            return layer is not None  # the head is not among them
        is_in = self.layers is None or (layer is not None and int(layer["index"]) in self.layers)
        return matches(self.targets, module) and (is_in or isinstance(self.targets, str))


def matches(names: Names, module: str) -> bool:
    """Whether one of the names is the end of the module's, or the regular expression is of all of it."""
    if isinstance(names, str):
        return re.fullmatch(names, module) is not None
    return any(module == name or module.endswith(f".{name}") for name in names)


def lora_config(data: Mapping[str, Any], where: str) -> LoraConfig:
    """Return what the document says; ModelError names `where` and the key that is wrong, missing or not supported."""
    _check_supported(data, where)
    return LoraConfig(
        where,
        whole(data, "r", where),
        float(number(data, "lora_alpha", float, where)),
        switch(data, "use_rslora", where),
        {key: whole(values, key, f"{where}: rank_pattern") for key, values in _patterns(data, "rank_pattern", where)},
        {
            key: float(number(values, key, float, f"{where}: alpha_pattern"))
            for key, values in _patterns(data, "alpha_pattern", where)
        },
        _targets(data, where),
        _names_or_pattern(data, "exclude_modules", where),
        _layers(data, where),
        _names(data, "modules_to_save", where),
        data["base_model_name_or_path"] if isinstance(data.get("base_model_name_or_path"), str) else None,
    )


def _check_supported(data: Mapping[str, Any], where: str) -> None:
    if data.get("peft_type") != "LORA":
        raise ModelError(f"{where}: peft_type is {short(data.get('peft_type'))}; only 'LORA' is supported", hint=MERGE)
    if data.get("bias", "none") != "none":
        raise ModelError(f"{where}: bias is {short(data['bias'])}; only 'none' is supported", hint=MERGE)
    if switch(data, "fan_in_fan_out", where):
        raise ModelError(f"{where}: fan_in_fan_out is true: matrices of columns are not supported", hint=MERGE)
    if data.get("init_lora_weights") not in _STARTS:
        raise ModelError(
            f"{where}: init_lora_weights is {short(data['init_lora_weights'])}, which changes the weights of the base",
            hint=MERGE,
        )
    for key in sorted(data.keys() - _READ - _PASSED_OVER):
        if data[key] not in (None, False, "", [], {}):
            raise ModelError(f"{where}: {short(key)} is {short(data[key])}; it is not supported", hint=MERGE)


def _targets(data: Mapping[str, Any], where: str) -> Names:
    names = _names_or_pattern(data, "target_modules", where)
    if not names:
        raise ModelError(f"{where}: target_modules names no module")
    return names


def _names_or_pattern(data: Mapping[str, Any], key: str, where: str) -> Names:
    value = data.get(key)
    if not isinstance(value, str):
        return _names(data, key, where)
    _check_pattern(value, f"{where}: {key}")
    return value


def _names(data: Mapping[str, Any], key: str, where: str) -> tuple[str, ...]:
    value = data.get(key) or []
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise ModelError(f"{where}: {key} must be a list of names, not {short(value)}")
    return tuple(value)


def _layers(data: Mapping[str, Any], where: str) -> frozenset[int] | None:
    value = data.get("layers_to_transform")
    if value is None or value == []:
        return None
    indexes = value if isinstance(value, list) else [value]
    if not all(isinstance(index, int) and not isinstance(index, bool) for index in indexes):
        raise ModelError(f"{where}: layers_to_transform must be whole numbers, not {short(value)}")
    return frozenset(indexes)


def _patterns(data: Mapping[str, Any], key: str, where: str) -> list[tuple[str, Mapping[str, Any]]]:
    value = data.get(key) or {}
    if not isinstance(value, Mapping):
        raise ModelError(f"{where}: {key} must be an object, not {short(value)}")
    for pattern in value:
        _check_pattern(pattern, f"{where}: {key}")
    return [(pattern, value) for pattern in value]


def _check_pattern(pattern: str, where: str) -> None:
    try:
        if len(pattern) <= _PATTERN_CHARS:
            re.compile(_ending(pattern))
            return
    except re.error as problem:
        raise ModelError(f"{where}: {short(pattern)} is no pattern of names: {problem}") from problem
    raise ModelError(f"{where}: {short(pattern)} is longer than {_PATTERN_CHARS} characters")


def _by_pattern(patterns: Mapping[str, float], module: str, default: float) -> float:
    """Return the value of the first pattern that is the module's name or the end of it, as PEFT looks it up."""
    found = (value for pattern, value in patterns.items() if re.match(_ending(pattern), module))
    return next(found, default)


def _ending(pattern: str) -> str:
    return rf"(.*\.)?({pattern})$"
