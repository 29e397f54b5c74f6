"""What a family says of its GGUF: the architecture, tensors by name, and metadata."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Type
from numpy.typing import NDArray

from lab.models.quant import F32

Rows = NDArray[np.int64] | None
"""Which rows of a tensor of the network are stored, in their order there; None for all as they are."""
Piece = tuple[str, Rows]
"""llama.cpp's name of what it stores of a tensor of the network, and the rows that it takes."""


@dataclass(frozen=True)
class GgufTensor:
    """One tensor: its name there and (of a weight) in the family, its shape in rows and columns, its type.

    `values` is there when the numbers are none of the source's: the factors of rotary frequencies. `rows` are those of
    the family's tensor that it holds.
    """

    name: str
    hf_name: str | None
    shape: tuple[int, ...]
    type: Type
    values: F32 | None = None
    rows: Rows = None

    @property
    def nbytes(self) -> int:
        """Bytes of the tensor, without alignment."""
        values, size = gguf.GGML_QUANT_SIZES[self.type]
        return math.prod(self.shape) // int(values) * int(size)


class GgufNames(Protocol):
    """How llama.cpp calls a family (`architecture`), its tensors and its numbers."""

    architecture: str

    def pieces(self, config: Any, hf_name: str) -> Iterator[Piece]:
        """Yield what llama.cpp stores of a tensor: it may want the parts of a fused one apart, or in another order."""

    def more_tensors(self, config: Any) -> Iterator[GgufTensor]:
        """Yield the tensors that come first and are no weights."""

    def describe(self, writer: gguf.GGUFWriter, config: Any) -> None:
        """Add the metadata that llama.cpp's own converter writes for the network, without name and tokeniser."""
