"""From what a folder stores to the tensors of the network: fused where it has parts, tied as transformers ties."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from lab.core.errors import WeightsError
from lab.core.home import shown
from lab.models.families import family_of
from lab.models.family import Sizes, changed
from lab.models.params import tensor_specs
from lab.models.sources.tensors import DTYPES, FusedTensor, ReorderedTensor, StoredTensor, Tensor, same_values

_HARMLESS = re.compile(r"\.rotary_emb\.[a-z_]*inv_freq$")  # tables that old versions saved; computed here
_TIED = "if the head is tied to the embedding, config.json must say tie_word_embeddings: true"
_NOT_YOURS = "does config.json belong to these weights?"


def fused(config: Sizes, stored: Mapping[str, StoredTensor]) -> dict[str, Tensor]:
    """Return what is stored, under the names that the network has for it, with split projections put together."""
    found: dict[str, Tensor] = dict(stored)
    for name in (spec.hf_name for spec in tensor_specs(config)):
        theirs = family_of(config).stored_as(name)
        if theirs in stored:
            found[name] = found.pop(theirs)
            continue
        for whole, split in family_of(config).fused(config).items():
            parts = [theirs.replace(f".{whole}.", f".{part}.") for part in split]
            if f".{whole}." in theirs and all(part in stored for part in parts):
                found[name] = FusedTensor(name, tuple(stored[part] for part in parts))
                for part in parts:
                    del found[part]
    return found


def untied(folder: Path, config: Sizes, tensors: Mapping[str, Tensor]) -> tuple[Sizes, tuple[str, ...]]:
    """Return the configuration that the tensors make of `config`, and what to tell about it.

    As in transformers: a head that config.json ties to the embedding, and that is stored with other values all the
    same, is a head of its own.
    """
    family = family_of(config)
    head, table = tensors.get(family.head), tensors.get(family.embedding)
    if not config.tie_word_embeddings or head is None or table is None:
        return config, ()
    _check_form(head, (config.vocab_size, config.hidden_size))
    if same_values(head, table):
        return config, ()
    note = (
        f"{shown(folder)}: config.json ties the head to the embedding, but {family.head} is stored and differs from "
        "it: it is taken as a head of its own, as transformers does"
    )
    return changed(config, tie_word_embeddings=False), (note,)


def checked(folder: Path, config: Sizes, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the network's tensors; WeightsError for one that is missing, extra, or of wrong shape or type."""
    wanted, head = {tensor.hf_name: tensor.shape for tensor in tensor_specs(config)}, family_of(config).head
    missing = [name for name in wanted if name not in tensors]
    if missing:
        hint = _TIED if missing == [head] else _missing_hint(missing, tensors)
        missing = [family_of(config).stored_as(name) for name in missing]
        raise WeightsError(_listing(missing, f"missing from {shown(folder)}"), hint=hint)
    extra = [name for name in tensors if name not in wanted and not _harmless(name, head)]
    if extra:
        where = ", ".join(sorted({tensors[name].path.name for name in extra}))
        raise WeightsError(
            _listing(extra, f"in {shown(folder)} ({where}), but the network has no such tensor"), hint=_NOT_YOURS
        )
    _check_vocabulary(config, {name: tensors[name] for name in wanted})
    for name, shape in wanted.items():
        _check_form(tensors[name], shape)
    return {name: _ordered(config, name, tensors[name]) for name in wanted}


def _check_vocabulary(config: Sizes, tensors: Mapping[str, Tensor]) -> None:
    """Raise WeightsError where embedding or head have rows for more or fewer tokens than there are."""
    family = family_of(config)
    for name in (family.embedding, family.head):
        shape = tensors[name].shape if name in tensors else ()
        if len(shape) == 2 and shape[0] != config.vocab_size and shape[1] == config.hidden_size:
            raise WeightsError(
                f"{name}: {shown(tensors[name].path)} has rows for {shape[0]} tokens, but config.json: vocab_size is "
                f"{config.vocab_size}",
                hint=f"{_NOT_YOURS} whoever resizes one has to save both",
            )


def _ordered(config: Sizes, name: str, tensor: Tensor) -> Tensor:
    """Return the tensor with its rows in the network's order."""
    order = family_of(config).row_order(config, name)
    return tensor if order is None or isinstance(tensor, ReorderedTensor) else ReorderedTensor(name, tensor, order)


def _check_form(tensor: Tensor, shape: tuple[int, ...]) -> None:
    where = f"{tensor.name}: {shown(tensor.path)}"
    if tensor.shape != shape:
        raise WeightsError(
            f"{where} holds shape {list(tensor.shape)}; config.json makes it {list(shape)}", hint=_NOT_YOURS
        )
    if not tensor.dtypes <= DTYPES:
        raise WeightsError(
            f"{where} holds {tensor.dtype}; only {', '.join(sorted(DTYPES))} can be read",
            hint="give the model's own weights, not quantised ones",
        )


def _harmless(name: str, head: str) -> bool:
    return name == head or bool(_HARMLESS.search(name))  # a tied head may be stored all the same


def _listing(names: list[str], message: str) -> str:
    rest = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{', '.join(name[:100] for name in names[:3])}{rest}: {message}"


def _missing_hint(missing: list[str], tensors: Mapping[str, Tensor]) -> str:
    other = next((name for name in tensors if name.endswith(f".{missing[0]}")), None)
    if other is None and missing[0].removeprefix("model.") in tensors:
        other = missing[0].removeprefix("model.")
    if other is not None:
        return f"it is there as {other[:100]}: save the whole model with transformers' save_pretrained()"
    return "get the files that are missing; every shard of the index must be there"
