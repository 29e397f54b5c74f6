"""Weights in a Hugging Face folder: config.json and safetensors, whole or in shards, mapped and read by rows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

from lab.core.errors import ModelError, WeightsError
from lab.core.home import shown
from lab.core.suggest import unknown
from lab.models.families import family_of, read_config
from lab.models.family import Sizes, changed
from lab.models.params import tensor_specs
from lab.models.quant import F32
from lab.models.sources.base import SourceKind
from lab.models.sources.files import AGAIN, fingerprint, inside, read_document
from lab.models.sources.tensors import FusedTensor, StoredTensor, Tensor, read_table, same_values

CONFIG = "config.json"
WHOLE = "model.safetensors"
INDEX = "model.safetensors.index.json"
NO_GGUF = "give the Hugging Face folder that it was made from: config.json with model.safetensors or its shards"
PICKLED = ("pytorch_model.bin", "pytorch_model.bin.index.json")
ADAPTER = "adapter_config.json"


class HuggingFaceSource:
    """The weights in one folder; its files are checked when it is made, and read when rows are asked for."""

    kind: SourceKind = "huggingface"
    notes: tuple[str, ...]

    def __init__(self, folder: Path) -> None:
        """Open the folder; WeightsError names tensor and file for anything missing, extra or of wrong form.

        `notes` says what the files contradict each other in, and how that was decided.
        """
        self.folder = folder
        config, stored = _config(folder / CONFIG), _tables(folder)
        tensors = fused(config, stored)
        self.config, self.notes = untied(folder, config, tensors)
        self._tensors = checked(folder, self.config, tensors)
        self._files = sorted({tensor.path for tensor in stored.values()})

    @cached_property
    def source_id(self) -> str:
        """The digest of config.json and every weights file; reads them all."""
        return fingerprint([self.folder / CONFIG, *self._files])

    def tensor_names(self) -> list[str]:
        """Return the names of all tensors of the network."""
        return list(self._tensors)

    def read_rows(self, hf_name: str, start: int, stop: int) -> F32:
        """Return rows start..stop of a matrix as float32 [stop - start, K]."""
        return self._tensor(hf_name).rows(start, stop)

    def vector(self, hf_name: str) -> F32:
        """Return a norm's weights as float32 [H]."""
        tensor = self._tensor(hf_name)
        return tensor.rows(0, tensor.shape[0])

    def _tensor(self, hf_name: str) -> Tensor:
        if hf_name not in self._tensors:
            raise WeightsError(f"{shown(self.folder)}: {unknown('tensor', hf_name, self._tensors)}")
        return self._tensors[hf_name]


def _config(path: Path) -> Sizes:
    try:
        return read_config(read_document(path), where=shown(path))
    except ModelError as problem:
        raise WeightsError(problem.what, hint=problem.hint) from problem


def _tables(folder: Path) -> dict[str, StoredTensor]:
    """Return every stored tensor of the folder, from the one file or from the shards of the index."""
    if (folder / INDEX).is_file():
        return _sharded(folder)
    if (folder / WHOLE).is_file():
        return read_table(folder / WHOLE)
    check_no_others(folder)
    raise WeightsError(
        f"{shown(folder)}: no weights: neither {WHOLE} nor {INDEX} is there",
        hint="get the model's safetensors files into this folder",
    )


def check_no_others(folder: Path) -> None:
    """Raise WeightsError where the folder holds weights of a kind that is not read."""
    if any((folder / name).is_file() for name in PICKLED):
        raise WeightsError(
            f"{shown(folder)}: pickled PyTorch weights are not read, they could run code",
            hint="save the model with save_pretrained(..., safe_serialization=True) first",
        )
    if (folder / ADAPTER).is_file():
        raise WeightsError(
            f"{shown(folder)}: an adapter (LoRA), not a model",
            hint="merge it into its base model (peft: merge_and_unload(), then save_pretrained()) and give that folder",
        )
    gguf = sorted(path.name for path in folder.glob("*.gguf"))
    if gguf:
        raise WeightsError(f"{shown(folder)}: GGUF files ({gguf[0]}) are not read", hint=NO_GGUF)


def _sharded(folder: Path) -> dict[str, StoredTensor]:
    index = folder / INDEX
    placed = read_document(index).get("weight_map")
    if not isinstance(placed, Mapping) or not placed:
        raise WeightsError(f"{shown(index)}: weight_map is missing", hint=AGAIN)
    paths = {path.name: path for path in (inside(folder, name, index) for name in placed.values())}
    tables = {name: read_table(path) for name, path in sorted(paths.items())}
    for tensor, shard in placed.items():
        if tensor not in tables[shard]:
            raise WeightsError(f"{tensor[:100]}: {shown(index)} places it in {shard}, which lacks it", hint=AGAIN)
    return {tensor: stored for table in tables.values() for tensor, stored in table.items()}


_DTYPES = {"BF16", "F16", "F32"}
_HARMLESS = re.compile(r"\.rotary_emb\.[a-z_]*inv_freq$")  # tables that old versions saved; computed here
_TIED = "if the head is tied to the embedding, config.json must say tie_word_embeddings: true"
_NOT_YOURS = "does config.json belong to these weights?"


def fused(config: Sizes, stored: Mapping[str, StoredTensor]) -> dict[str, Tensor]:
    """Return what is stored, with split projections put together under the names that the network has for them."""
    found: dict[str, Tensor] = dict(stored)
    for name in (spec.hf_name for spec in tensor_specs(config)):
        for whole, split in family_of(config).fused(config).items():
            parts = [name.replace(f".{whole}.", f".{part}.") for part in split]
            if f".{whole}." in name and name not in found and all(part in stored for part in parts):
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
        raise WeightsError(_listing(missing, f"missing from {shown(folder)}"), hint=hint)
    extra = [name for name in tensors if name not in wanted and not _harmless(name, head)]
    if extra:
        where = ", ".join(sorted({tensors[name].path.name for name in extra}))
        raise WeightsError(
            _listing(extra, f"in {shown(folder)} ({where}), but the network has no such tensor"), hint=_NOT_YOURS
        )
    for name, shape in wanted.items():
        _check_form(tensors[name], shape)
    return {name: tensors[name] for name in wanted}


def _check_form(tensor: Tensor, shape: tuple[int, ...]) -> None:
    where = f"{tensor.name}: {shown(tensor.path)}"
    if tensor.shape != shape:
        raise WeightsError(
            f"{where} holds shape {list(tensor.shape)}; config.json makes it {list(shape)}", hint=_NOT_YOURS
        )
    if not tensor.dtypes <= _DTYPES:
        raise WeightsError(
            f"{where} holds {tensor.dtype}; only {', '.join(sorted(_DTYPES))} can be read",
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
