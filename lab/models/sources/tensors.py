"""One safetensors file: its table of tensors, checked, and rows of them as float32."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from lab.core.errors import WeightsError
from lab.core.home import shown
from lab.core.text import said
from lab.models.quant import F32, U8
from lab.models.sources.files import AGAIN, as_document, map_file

_HEADER_BYTES_MAX = 100_000_000  # the format's own limit
_BYTES = {"F32": 4, "F16": 2, "BF16": 2}
DTYPES = frozenset(_BYTES)  # that can be read
_BLOCK_ROWS = 1024
_NEAR = 2  # gates and ups that take turns


@dataclass(frozen=True)
class StoredTensor:
    """One tensor of a safetensors file; `offset` is where its bytes start in `data`, the mapped file."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    path: Path
    data: U8
    offset: int

    @property
    def dtypes(self) -> set[str]:
        """The type, as a set: see FusedTensor."""
        return {self.dtype}

    def rows(self, start: int, stop: int) -> F32:
        """Return rows start..stop (elements, of a vector) as float32."""
        row = int(np.prod(self.shape[1:], dtype=np.int64)) * _BYTES[self.dtype]
        raw = self.data[self.offset + start * row : self.offset + stop * row]
        return _as_float32(raw, self.dtype).reshape(stop - start, *self.shape[1:])


@dataclass(frozen=True)
class FusedTensor:
    """Matrices of one width [rows, K] that are one matrix of the network: their rows one after the other."""

    name: str
    parts: tuple[StoredTensor, ...]

    @property
    def path(self) -> Path:
        """The file of the first part."""
        return self.parts[0].path

    @property
    def dtype(self) -> str:
        """The type of the parts, all named where they differ."""
        return " and ".join(dict.fromkeys(part.dtype for part in self.parts))

    @property
    def dtypes(self) -> set[str]:
        """The types of the parts."""
        return {part.dtype for part in self.parts}

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the whole; that of the parts one after the other where they do not fit together."""
        widths = {part.shape[1:] for part in self.parts}
        if len(widths) > 1:
            return tuple(size for part in self.parts for size in part.shape)
        return (sum(part.shape[0] if part.shape else 1 for part in self.parts), *widths.pop())

    def rows(self, start: int, stop: int) -> F32:
        """Return rows start..stop as float32 [stop - start, K]."""
        found, first = [], 0
        for part in self.parts:
            last = first + part.shape[0]
            if start < last and stop > first:
                found.append(part.rows(max(start, first) - first, min(stop, last) - first))
            first = last
        return np.concatenate(found)


@dataclass(frozen=True)
class ReorderedTensor:
    """A tensor whose row `i` is row `order[i]` of another."""

    name: str
    whole: StoredTensor | FusedTensor
    order: NDArray[np.int64]

    @property
    def path(self) -> Path:
        """The file of the other."""
        return self.whole.path

    @property
    def dtype(self) -> str:
        """Its type."""
        return self.whole.dtype

    @property
    def dtypes(self) -> set[str]:
        """Its types."""
        return self.whole.dtypes

    @property
    def shape(self) -> tuple[int, ...]:
        """Its shape."""
        return self.whole.shape

    def rows(self, start: int, stop: int) -> F32:
        """Return rows start..stop as float32; rows that lie near each other are read as one run."""
        wanted = self.order[start:stop]
        steps = np.diff(wanted)
        runs = np.split(wanted, np.flatnonzero((steps < 1) | (steps > _NEAR)) + 1)
        return np.concatenate([self.whole.rows(run[0], run[-1] + 1)[run - run[0]] for run in runs if len(run)])


Tensor = StoredTensor | FusedTensor | ReorderedTensor


def same_values(one: Tensor, other: Tensor) -> bool:
    """Say whether two matrices hold the same numbers; they are read in blocks, up to the first difference."""
    if one.shape != other.shape:
        return False
    last = one.shape[0]
    blocks = [(start, min(start + _BLOCK_ROWS, last)) for start in range(0, last, _BLOCK_ROWS)]
    return all(np.array_equal(one.rows(*block), other.rows(*block)) for block in blocks)


def read_table(path: Path) -> dict[str, StoredTensor]:
    """Return the tensors of the safetensors file at `path`.

    Raises WeightsError when the file is cut short (naming the tensor), damaged, or no safetensors file.
    """
    data = map_file(path)
    header, start = _header(path, data)
    table = {name: _stored(path, data, name, entry, start) for name, entry in header.items()}
    try:
        with safe_open(path, framework="np"):  # its own checks: sizes, overlaps, gaps
            return table
    except (SafetensorError, OSError) as problem:
        raise WeightsError(f"{shown(path)}: not sound: {said(problem)}", hint=AGAIN) from problem


def _header(path: Path, data: U8) -> tuple[dict[str, Any], int]:
    length = int.from_bytes(data[:8].tobytes(), "little")
    if len(data) < 8 or length > min(_HEADER_BYTES_MAX, len(data) - 8):
        raise WeightsError(f"{shown(path)}: not a safetensors file, or cut short in its header", hint=AGAIN)
    text = data[8 : 8 + length].tobytes()
    header = as_document(text, f"{shown(path)}: header")
    return {name: entry for name, entry in header.items() if name != "__metadata__"}, 8 + length


def _stored(path: Path, data: U8, name: str, entry: Any, start: int) -> StoredTensor:
    try:
        dtype, shape = str(entry["dtype"]), tuple(int(size) for size in entry["shape"])
        first, last = (int(offset) for offset in entry["data_offsets"])
    except (KeyError, TypeError, ValueError) as problem:
        raise WeightsError(f"{shown(path)}: {name[:100]}: its header entry is damaged", hint=AGAIN) from problem
    if start + last > len(data):
        missing = start + last - len(data)
        raise WeightsError(f"{shown(path)}: cut short: {name[:100]} lacks {missing} bytes", hint=AGAIN)
    return StoredTensor(name, dtype, shape, path, data, start + first)


def _as_float32(raw: U8, dtype: str) -> F32:
    if dtype == "BF16":
        wide = raw.view("<u2").astype(np.uint32) << np.uint32(16)
        return wide.view(np.float32)
    return raw.view("<f2" if dtype == "F16" else "<f4").astype(np.float32)
