"""Weights in a Hugging Face folder: config.json and safetensors, whole or in shards, mapped and read by rows."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

from lab.core.errors import ModelError, WeightsError
from lab.core.home import shown
from lab.core.suggest import unknown
from lab.formats.manifest import AdapterFacts
from lab.models.families import family_of, read_config
from lab.models.family import Sizes
from lab.models.quant import F32
from lab.models.sources.base import SourceKind
from lab.models.sources.files import AGAIN, fingerprint, inside, read_document
from lab.models.sources.stored import checked, fused, untied
from lab.models.sources.tensors import StoredTensor, Tensor, read_table
from lab.models.sources.tokenizer import check_tokenizer

CONFIG = "config.json"
WHOLE = "model.safetensors"
INDEX = "model.safetensors.index.json"
NO_GGUF = "give the Hugging Face folder that it was made from: config.json with model.safetensors or its shards"
PICKLED = ("pytorch_model.bin", "pytorch_model.bin.index.json")
ADAPTER = "adapter_config.json"


class HuggingFaceSource:
    """The weights in one folder; its files are checked when it is made, and read when rows are asked for."""

    kind: SourceKind = "huggingface"
    adapter: AdapterFacts | None = None
    notes: tuple[str, ...]

    def __init__(self, folder: Path) -> None:
        """Open the folder; WeightsError names tensor and file for anything missing, extra or of wrong form.

        `notes` says what the files contradict each other in, and how that was decided.
        """
        self.folder = folder
        config, stored = _config(folder / CONFIG), _tables(folder)
        check_tokenizer(folder, config.vocab_size)
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
        """Return a norm's weights or a bias as float32 [H]."""
        tensor = self._tensor(hf_name)
        return family_of(self.config).adjusted(self.config, hf_name, tensor.rows(0, tensor.shape[0]))

    def _tensor(self, hf_name: str) -> Tensor:
        if hf_name not in self._tensors:
            raise WeightsError(f"{shown(self.folder)}: {unknown('tensor', hf_name, self._tensors)}")
        return self._tensors[hf_name]


def config_of(folder: Path) -> Sizes:
    """Return the network that the folder holds: that of config.json, where the weights do not say otherwise."""
    if (folder / INDEX).is_file() or (folder / WHOLE).is_file():
        return HuggingFaceSource(folder).config
    return _config(folder / CONFIG)


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
            hint="give its base model with --weights, and this folder with --lora",
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
