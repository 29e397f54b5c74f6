"""What config.json files of decoders have in common, read as transformers reads them.

A key that changes what the network computes is read, or refused by its name; it is never passed over.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar

from lab.core.errors import ModelError
from lab.models.config_values import finite, number, optional, short, switch, whole

T = TypeVar("T")

ORIGINAL = "original_max_position_embeddings"
SIZES = (
    "hidden_size",
    "intermediate_size",
    "num_hidden_layers",
    "num_attention_heads",
    "vocab_size",
    "max_position_embeddings",
)
_ROPE_NAMES = ("rope_scaling", "rope_parameters")
_LISTS = "`lab models` lists what can be compiled"
_QUANTISED = "weights that are quantised already are not read"
# Keys of networks that no decoder here computes: set to anything but null, false, 0 or nothing, they are refused.
_OTHERS = {
    **dict.fromkeys(("quantization_config", "quantization"), _QUANTISED),
    **dict.fromkeys(
        ("num_local_experts", "num_experts", "n_routed_experts", "moe_intermediate_size", "num_experts_per_tok"),
        "a mixture of experts is another network",
    ),
    **dict.fromkeys(("vision_config", "img_processor", "embd_layer"), "images are the input of another network"),
    **dict.fromkeys(("audio_config", "audio_processor"), "sound is the input of another network"),
    "rope_interleaved": "rotated pairs lie in two halves of a head here",
    "use_bidirectional_attention": "a token attends to itself and those before it here",
}


def sizes(data: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return the fields of DecoderConfig that every config.json has; those of the rotation are apart.

    Raises ModelError that names `where` and the key that is missing, not right, or of a network of another kind.
    """
    check_others(data, where)
    found: dict[str, Any] = {name: whole(data, name, where) for name in SIZES}
    heads = "num_key_value_heads"
    found[heads] = found["num_attention_heads"] if data.get(heads) is None else whole(data, heads, where)
    found["rms_norm_eps"] = float(number(data, "rms_norm_eps", float, where))
    found["tie_word_embeddings"] = switch(data, "tie_word_embeddings", where)
    return found


def check_others(data: Mapping[str, Any], where: str) -> None:
    """Raise ModelError for a key that says that this is a network of another kind."""
    for key, why in _OTHERS.items():
        if data.get(key):
            hint = "give the folder of the original model; lab quantises it itself" if why is _QUANTISED else _LISTS
            raise ModelError(f"{where}: {key}: {why}", hint=hint)


def check_head_dim(data: Mapping[str, Any], found: Mapping[str, Any], where: str) -> None:
    """Raise ModelError for a head_dim that is not what the sizes `found` make it, where there is one."""
    size, hidden, heads = optional(data, "head_dim", int, where), found["hidden_size"], found["num_attention_heads"]
    if size is not None and size * heads != hidden:
        raise ModelError(f"{where}: head_dim is {size}, hidden_size / num_attention_heads is {hidden / heads:g}")


def check_fixed(data: Mapping[str, Any], fixed: Mapping[str, Any], where: str) -> None:
    """Raise ModelError for a key that has another value than the only one that is computed; it may be missing."""
    for key, wanted in fixed.items():
        value = data.get(key, wanted)
        if value != wanted or isinstance(value, bool) != isinstance(wanted, bool):
            raise ModelError(f"{where}: {key} is {short(value)}; only {wanted!r} is supported", hint=_LISTS)


def configured(make: Callable[..., T], fields: Mapping[str, Any], where: str) -> T:
    """Return a configuration, or a part of one, with those fields.

    A ModelError of numbers that contradict each other names `where`.
    """
    try:
        return make(**fields)
    except ModelError as problem:
        raise ModelError(f"{where}: {problem.what}", hint=problem.hint) from problem


def rope_settings(
    data: Mapping[str, Any], known: Collection[str], title: str, where: str, kinds: Collection[str] | None = None
) -> tuple[str, Mapping[str, Any]]:
    """Return the rotary settings with the key that holds them; ModelError for one that is not among the `known`.

    With `kinds`, a type that is none of them is refused first: what else it brings are keys that only it has.
    """
    if kinds is not None:
        _check_kinds(data, kinds, title, where)
    for name in _ROPE_NAMES:
        settings = data.get(name)
        if settings is not None and not isinstance(settings, Mapping):
            raise ModelError(f"{where}: {name} must be an object; {' and '.join(_ROPE_NAMES)} must be objects or null")
        if settings:
            _check_known(settings, known, name, title, where)
            return name, settings
    return "rope_parameters", {}


def _check_kinds(data: Mapping[str, Any], kinds: Collection[str], title: str, where: str) -> None:
    for name in _ROPE_NAMES:
        settings = data.get(name)
        kind = rope_kind(settings) if isinstance(settings, Mapping) else "default"
        if kind not in ("default", *kinds):
            has = " or ".join(filter(None, [", ".join(kinds), "none"]))
            raise ModelError(f"{where}: {name} type {kind!r:.60} is not supported; {title} has {has}")


def rope_kind(settings: Mapping[str, Any]) -> Any:
    """Return the type of the rotary settings, by whichever name it has."""
    return settings.get("rope_type", settings.get("type", "default"))


def rope_theta(data: Mapping[str, Any], settings: Mapping[str, Any], where: str) -> float:
    """Return the base of the rotary frequencies: the settings' own, else that of the top, else transformers' 10000."""
    holder = settings if "rope_theta" in settings else {"rope_theta": 10000.0, **data}
    return positive(number(holder, "rope_theta", float, where), "rope_theta", where)


def rotated_part(data: Mapping[str, Any], settings: Mapping[str, Any], where: str) -> float:
    """Return which part of a head is rotated, above 0 and at most 1; 1 where nothing says so."""
    key = "partial_rotary_factor"
    holder = settings if settings.get(key) is not None else data
    share = 1.0 if holder.get(key) is None else float(number(holder, key, float, where))
    if not 0 < share <= 1:
        raise ModelError(f"{where}: {key} is {share!r}; it must be above 0 and at most 1")
    return share


def rope_factors(settings: Mapping[str, Any], key: str, name: str, where: str) -> tuple[float, ...]:
    """Return the divisors of the rotary frequencies that the settings, which `name` holds, list."""
    values = settings.get(key)
    if not isinstance(values, list) or not values:
        raise ModelError(f"{where}: {name}.{key} must be a list of numbers")
    if not all(isinstance(v, int | float) and not isinstance(v, bool) for v in values):
        raise ModelError(f"{where}: {name}.{key} must hold numbers only")
    return tuple(finite(value, f"{name}.{key}", where) for value in values)


def positive(value: float, key: str, where: str) -> float:
    """Return the number as a float; ModelError where it is not above 0."""
    if finite(value, key, where) <= 0:
        raise ModelError(f"{where}: {key} is {value!r}; it must be above 0")
    return float(value)


def _check_known(settings: Mapping[str, Any], known: Collection[str], name: str, title: str, where: str) -> None:
    unknown = sorted(key for key in settings if key not in known)
    if unknown:
        raise ModelError(
            f"{where}: {name}.{unknown[0][:60]} is not known",
            hint=f"{title} has {', '.join(sorted(known))}; is this the config.json of a {title} model?",
        )
