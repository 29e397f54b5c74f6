"""Telling what kind of weights a folder holds."""

from __future__ import annotations

from pathlib import Path

from lab.core.errors import WeightsError
from lab.core.home import shown
from lab.models.family import Sizes
from lab.models.sources import huggingface, mlc
from lab.models.sources.base import WeightSource

_HINT = (
    "give a Hugging Face folder (config.json with model.safetensors or its shards) "
    "or an MLC folder (tensor-cache.json with its shards)"
)


def open_folder(folder: Path, config: Sizes) -> WeightSource:
    """Return the weights in `folder` (or beside it, where it is a file of them), checked but not read.

    `config` is the network they are wanted for.

    Raises WeightsError when the folder holds no weights of a known format or their files are not sound.
    """
    folder = _folder_of(folder)
    if mlc.cache_file(folder) is not None:
        return mlc.MlcSource(folder, config)
    if (folder / huggingface.CONFIG).is_file():
        return huggingface.HuggingFaceSource(folder)
    huggingface.check_no_others(folder)
    raise WeightsError(f"{shown(folder)}: not a model folder: {huggingface.CONFIG} is missing", hint=_HINT)


def config_in(folder: Path) -> Sizes:
    """Return the network that config.json in `folder` (or beside it, where it is a file of weights) describes.

    Raises WeightsError where there is none, or one that is not right.
    """
    folder = _folder_of(folder)
    if not (folder / huggingface.CONFIG).is_file():
        raise WeightsError(
            f"{shown(folder)}: {huggingface.CONFIG} is missing, and no preset has the name of the model",
            hint="`lab models` lists the presets; with a Hugging Face folder any other name is taken",
        )
    return huggingface.config_of(folder)


def _folder_of(path: Path) -> Path:
    """Return the folder that is meant: of a safetensors file the one it lies in."""
    if path.is_dir():
        return path
    if path.is_file() and (path.suffix == ".gguf" or _begins(path, b"GGUF")):
        raise WeightsError(f"{shown(path)}: GGUF files are not read", hint=huggingface.NO_GGUF)
    if path.is_file() and (path.parent / huggingface.CONFIG).is_file():
        return path.parent
    if path.is_file():
        raise WeightsError(f"{shown(path)}: not a folder, and no {huggingface.CONFIG} beside it", hint=_HINT)
    what = "not a folder" if path.exists() else "no such folder"
    raise WeightsError(f"{shown(path)}: {what}", hint=_HINT)


def _begins(path: Path, magic: bytes) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(magic)) == magic
    except OSError:
        return False
