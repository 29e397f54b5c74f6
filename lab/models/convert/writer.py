"""weights.bin: where each tensor lies, and writing pieces of them from several threads."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from lab.formats.manifest import ALIGNMENT_BYTES, TensorEntry
from lab.models.params import ParamSpec, Part
from lab.models.quant import Array


def tensor_entries(params: Sequence[ParamSpec]) -> list[TensorEntry]:
    """Return where each parameter lies in weights.bin: in order, each start aligned."""
    entries: list[TensorEntry] = []
    offset = 0
    for param in params:
        entries.append(TensorEntry(param.name, param.dtype, param.shape, offset, param.nbytes))  # type: ignore[arg-type]
        offset = _aligned(offset + param.nbytes)
    return entries


def file_bytes(entries: Sequence[TensorEntry]) -> int:
    """Return the size of weights.bin, its end aligned too so that it can be mapped in whole pages."""
    return _aligned(max(entry.offset + entry.nbytes for entry in entries))


class WeightsWriter:
    """An open weights.bin; pieces may be put from several threads at once."""

    def __init__(self, handle: int, params: Sequence[ParamSpec], entries: Sequence[TensorEntry]) -> None:
        """Write through the open file descriptor `handle`."""
        self._handle = handle
        self._places = {
            (param.hf_name, param.part): (param, entry) for param, entry in zip(params, entries, strict=True)
        }

    def put(self, hf_name: str, part: Part, first: int, piece: Array) -> int:
        """Write `piece` from index `first` of the parameter's axis of rows on; return its bytes."""
        param, entry = self._places[hf_name, part]
        if piece.dtype != param.dtype or first + piece.shape[param.row_axis] > param.shape[param.row_axis]:
            raise AssertionError(f"{param.name}: a piece of the wrong type or size")  # a bug, not an input
        runs = np.ascontiguousarray(piece) if param.row_axis else np.ascontiguousarray(piece)[None]
        step = entry.nbytes // math.prod(param.shape[: param.row_axis + 1])
        stride = entry.nbytes // param.shape[0]
        for index, run in enumerate(runs):
            _write_all(self._handle, run.data.cast("B"), entry.offset + index * stride + first * step)
        return piece.nbytes


@contextmanager
def open_writer(path: Path, params: Sequence[ParamSpec]) -> Iterator[WeightsWriter]:
    """Create the file at its full size and yield its writer."""
    entries = tensor_entries(params)
    handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o644)
    try:
        os.truncate(handle, file_bytes(entries))
        yield WeightsWriter(handle, params, entries)
    finally:
        os.close(handle)


def _write_all(handle: int, data: memoryview, offset: int) -> None:
    done = 0
    while done < len(data):
        done += os.pwrite(handle, data[done:], offset + done)


def _aligned(size: int) -> int:
    return -(-size // ALIGNMENT_BYTES) * ALIGNMENT_BYTES
