"""Weights in a Hugging Face folder: config.json and safetensors, whole or in shards, mapped and read by rows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

from lab.core.errors import ModelError, WeightsError
from lab.core.home import shown
from lab.core.suggest import unknown
from lab.models.params import HEAD, tensor_specs
from lab.models.presets.config import Phi3Config
from lab.models.quant import F32
from lab.models.sources.base import SourceKind
from lab.models.sources.files import AGAIN, fingerprint, inside, read_document
from lab.models.sources.tensors import StoredTensor, read_table

CONFIG = "config.json"
WHOLE = "model.safetensors"
INDEX = "model.safetensors.index.json"
_DTYPES = ("BF16", "F16", "F32")
_HARMLESS = re.compile(r"\.rotary_emb\.[a-z_]*inv_freq$")  # tables that old versions saved; computed here


class HuggingFaceSource:
    """The weights in one folder; its files are checked when it is made, and read when rows are asked for."""

    kind: SourceKind = "huggingface"

    def __init__(self, folder: Path) -> None:
        """Open the folder; WeightsError names tensor and file for anything missing, extra or of wrong form."""
        self.folder = folder
        self.config = _config(folder / CONFIG)
        stored = _tables(folder)
        self._tensors = _checked(folder, self.config, stored)
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

    def _tensor(self, hf_name: str) -> StoredTensor:
        if hf_name not in self._tensors:
            raise WeightsError(f"{shown(self.folder)}: {unknown('tensor', hf_name, self._tensors)}")
        return self._tensors[hf_name]


def _config(path: Path) -> Phi3Config:
    try:
        return Phi3Config.from_hf(read_document(path), where=shown(path))
    except ModelError as problem:
        raise WeightsError(problem.what, hint=problem.hint) from problem


def _tables(folder: Path) -> dict[str, StoredTensor]:
    """Return every stored tensor of the folder, from the one file or from the shards of the index."""
    if (folder / INDEX).is_file():
        return _sharded(folder)
    if (folder / WHOLE).is_file():
        return read_table(folder / WHOLE)
    raise WeightsError(
        f"{shown(folder)}: no weights: neither {WHOLE} nor {INDEX} is there",
        hint="get the model's safetensors files into this folder",
    )


def _sharded(folder: Path) -> dict[str, StoredTensor]:
    index = folder / INDEX
    placed = read_document(index).get("weight_map")
    if not isinstance(placed, Mapping) or not placed:
        raise WeightsError(f"{shown(index)}: weight_map is missing", hint=AGAIN)
    tables = {name: read_table(inside(folder, name, index)) for name in sorted(set(placed.values()), key=str)}
    for tensor, shard in placed.items():
        if tensor not in tables[shard]:
            raise WeightsError(f"{tensor}: {shown(index)} places it in {shard}, which lacks it", hint=AGAIN)
    return {tensor: stored for table in tables.values() for tensor, stored in table.items()}


def _checked(folder: Path, config: Phi3Config, stored: dict[str, StoredTensor]) -> dict[str, StoredTensor]:
    """Return the network's tensors; WeightsError for one that is missing, extra, or of wrong shape or type."""
    wanted = {tensor.hf_name: tensor.shape for tensor in tensor_specs(config)}
    missing = [name for name in wanted if name not in stored]
    if missing:
        raise WeightsError(_listing(missing, f"missing from {shown(folder)}"), hint=_missing_hint(missing))
    extra = [name for name in stored if name not in wanted and not _harmless(name)]
    if extra:
        where = ", ".join(sorted({stored[name].path.name for name in extra}))
        raise WeightsError(
            _listing(extra, f"in {shown(folder)} ({where}), but the network has no such tensor"),
            hint="does config.json belong to these weights?",
        )
    for name, shape in wanted.items():
        _check_form(stored[name], shape)
    return {name: stored[name] for name in wanted}


def _check_form(tensor: StoredTensor, shape: tuple[int, ...]) -> None:
    where = f"{tensor.name}: {shown(tensor.path)}"
    if tensor.shape != shape:
        raise WeightsError(
            f"{where} holds shape {list(tensor.shape)}; config.json makes it {list(shape)}",
            hint="does config.json belong to these weights?",
        )
    if tensor.dtype not in _DTYPES:
        raise WeightsError(
            f"{where} holds {tensor.dtype}; only {', '.join(_DTYPES)} can be read",
            hint="give the model's own weights, not quantised ones",
        )


def _harmless(name: str) -> bool:
    return name == HEAD or bool(_HARMLESS.search(name))  # a tied head may be stored all the same


def _listing(names: list[str], said: str) -> str:
    rest = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{', '.join(name[:100] for name in names[:3])}{rest}: {said}"


def _missing_hint(missing: list[str]) -> str:
    if missing == [HEAD]:
        return "if the head is tied to the embedding, config.json must say tie_word_embeddings: true"
    return "get the files that are missing; every shard of the index must be there"
