"""The table of an MLC folder: which tensor lies where in which shard, read strictly."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lab.core.errors import WeightsError
from lab.core.home import shown
from lab.models.family import Sizes, changed
from lab.models.quant import U8, Array
from lab.models.sources.files import AGAIN, inside, map_file, read_document

CACHE_NAMES = ("tensor-cache.json", "ndarray-cache.json")
CHAT_CONFIG = "mlc-chat-config.json"
_DTYPES = ("uint32", "float16", "float32")
_READABLE = ("q4f16_1", "q4f16_0")
_COMPARED = (
    "hidden_size",
    "intermediate_size",
    "num_attention_heads",
    "num_key_value_heads",
    "vocab_size",
    "rms_norm_eps",
    "tie_word_embeddings",
)


@dataclass(frozen=True)
class Record:
    """One stored tensor: `data` is its shard, mapped; float32 may be stored as its upper 16 bits (`brain`)."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    path: Path
    data: U8
    offset: int
    nbytes: int
    brain: bool

    def array(self) -> Array:
        """Return the tensor, mapped where it is stored as it is."""
        raw = self.data[self.offset : self.offset + self.nbytes]
        if self.brain:
            return (raw.view("<u2").astype(np.uint32) << np.uint32(16)).view(np.float32).reshape(self.shape)
        return raw.view(np.dtype(self.dtype).newbyteorder("<")).reshape(self.shape)

    def check(self, dtypes: tuple[str, ...], shape: tuple[int, ...]) -> None:
        """Raise WeightsError unless the tensor has one of `dtypes` and `shape`."""
        if self.dtype not in dtypes or self.shape != shape:
            raise WeightsError(
                f"{self.name}: {shown(self.path)} holds {self.dtype} {str(list(self.shape))[:60]}; "
                f"this network needs {dtypes[0]} {list(shape)}",
                hint="only q4f16_1 and q4f16_0 of the same network can be read",
            )


def cache_file(folder: Path) -> Path | None:
    """Return the table of the MLC folder, or None where there is none."""
    return next((folder / name for name in CACHE_NAMES if (folder / name).is_file()), None)


def read_cache(folder: Path) -> tuple[dict[str, Record], list[Path]]:
    """Return the records by name, and the files they are in, table first."""
    path = cache_file(folder)
    if path is None:
        raise WeightsError(f"{shown(folder)}: neither {' nor '.join(CACHE_NAMES)} is there")
    shards = read_document(path).get("records")
    if not isinstance(shards, list) or not shards:
        raise WeightsError(f"{shown(path)}: it lists no shards", hint=AGAIN)
    records = [record for shard in shards for record in _shard(folder, path, shard)]
    return {record.name: record for record in records}, [path, *sorted({r.path for r in records})]


def whole_config(folder: Path, config: Sizes) -> Sizes:
    """Return `config` with the folder's number of layers; WeightsError where mlc-chat-config.json differs."""
    document = _chat_config(folder)
    if document is None:
        return config
    path, said = folder / CHAT_CONFIG, document.get("model_config")
    if not isinstance(said, Mapping):
        raise WeightsError(f"{shown(path)}: model_config is missing", hint=AGAIN)
    scheme = document.get("quantization")
    if scheme not in _READABLE:
        raise WeightsError(f"{shown(path)}: quantization is {scheme!r:.60}; only {' and '.join(_READABLE)} are read")
    _compare(path, said, asdict(config))
    layers = said.get("num_hidden_layers")
    return changed(config, num_hidden_layers=layers) if isinstance(layers, int) else config


def quantization(folder: Path) -> str | None:
    """Return the name of the folder's quantisation as mlc-chat-config.json gives it, None without one."""
    document = _chat_config(folder)
    return None if document is None else str(document.get("quantization"))


def _chat_config(folder: Path) -> Mapping[str, Any] | None:
    path = folder / CHAT_CONFIG
    return read_document(path) if path.is_file() else None


def _compare(path: Path, said: Mapping[str, Any], wanted: dict[str, Any]) -> None:
    differing = [
        f"{k} {str(said[k])[:60]} instead of {wanted[k]}" for k in _COMPARED if said.get(k, wanted[k]) != wanted[k]
    ]
    if differing:
        raise WeightsError(
            f"{shown(path)}: the weights belong to another network: {'; '.join(differing)}",
            hint="`lab models` lists the networks; choose the one that these weights belong to",
        )


def _shard(folder: Path, table: Path, shard: Any) -> Iterator[Record]:
    if not isinstance(shard, Mapping) or not isinstance(shard.get("records"), list):
        raise WeightsError(f"{shown(table)}: a shard's entry is damaged", hint=AGAIN)
    path = inside(folder, shard.get("dataPath"), table)
    data = map_file(path)
    if shard.get("nbytes") != len(data):
        raise WeightsError(f"{shown(path)}: {len(data)} bytes; {table.name} says {shard.get('nbytes')}", hint=AGAIN)
    for entry in shard["records"]:
        yield _record(table, path, data, entry)


def _record(table: Path, path: Path, data: U8, entry: Any) -> Record:
    try:
        name, dtype, shape = str(entry["name"]), str(entry["dtype"]), tuple(int(n) for n in entry["shape"])
        nbytes, offset, brain = int(entry["nbytes"]), int(entry["byteOffset"]), entry["format"] == "f32-to-bf16"
    except (KeyError, TypeError, ValueError) as problem:
        raise WeightsError(f"{shown(table)}: an entry of {path.name} is damaged", hint=AGAIN) from problem
    brain = brain and dtype == "float32"
    if dtype not in _DTYPES:
        raise WeightsError(f"{name[:100]}: {shown(path)} holds {dtype[:60]}; only {', '.join(_DTYPES)} are read")
    expected = math.prod(shape) * (2 if brain else np.dtype(dtype).itemsize)
    if min(shape, default=1) < 1 or nbytes != expected or offset < 0 or offset + nbytes > len(data):
        raise WeightsError(f"{name[:100]}: {shown(table)}: its place in {path.name} can't be right", hint=AGAIN)
    return Record(name, dtype, shape, path, data, offset, nbytes, brain)
