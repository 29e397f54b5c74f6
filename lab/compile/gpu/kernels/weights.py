"""What kernels have to know of a matrix: its size and how it lies in memory."""

from __future__ import annotations

from dataclasses import dataclass

from lab.compile.tir.sizes import divided

GROUP = 32  # weights along K that share a scale
OFFSET = 7  # of a nibble over its integer


@dataclass(frozen=True)
class Weights:
    """A matrix of `n` rows and `k` columns as it is stored, transposed: [K/8, N] words of nibbles, or [K, N] floats."""

    k: int
    n: int
    bits: int
    dtype: str  # of the scales, or of the floats

    @property
    def quantised(self) -> bool:
        """Whether they are nibbles with scales."""
        return self.bits == 4

    @property
    def main_shape(self) -> tuple[int, int]:
        """The shape of the words, or of the floats."""
        return (divided(self.k, 8), self.n) if self.quantised else (self.k, self.n)

    @property
    def main_dtype(self) -> str:
        """The type of the words, or of the floats."""
        return "uint32" if self.quantised else self.dtype

    @property
    def scale_shape(self) -> tuple[int, int]:
        """The shape of the scales."""
        return (divided(self.k, GROUP), self.n)
