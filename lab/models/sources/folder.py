"""Telling what kind of weights a folder holds."""

from __future__ import annotations

from pathlib import Path

from lab.core.errors import WeightsError
from lab.core.home import shown
from lab.models.presets.config import Phi3Config
from lab.models.sources import huggingface, mlc
from lab.models.sources.base import WeightSource

_HINT = (
    "give a Hugging Face folder (config.json with model.safetensors or its shards) "
    "or an MLC folder (tensor-cache.json with its shards)"
)
_PICKLED = ("pytorch_model.bin", "pytorch_model.bin.index.json")


def open_folder(folder: Path, config: Phi3Config) -> WeightSource:
    """Return the weights in `folder`, checked but not read; `config` is the network they are wanted for.

    Raises WeightsError when the folder holds no weights of a known format or their files are not sound.
    """
    if not folder.is_dir():
        what = "not a folder" if folder.exists() else "no such folder"
        raise WeightsError(f"{shown(folder)}: {what}", hint=_HINT)
    if mlc.cache_file(folder) is not None:
        return mlc.MlcSource(folder, config)
    if (folder / huggingface.CONFIG).is_file():
        return huggingface.HuggingFaceSource(folder)
    if any((folder / name).is_file() for name in _PICKLED):
        raise WeightsError(
            f"{shown(folder)}: pickled PyTorch weights are not read, they could run code",
            hint="save the model with save_pretrained(..., safe_serialization=True) first",
        )
    raise WeightsError(f"{shown(folder)}: not a model folder: {huggingface.CONFIG} is missing", hint=_HINT)
