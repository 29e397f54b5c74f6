"""Synthetic weights: real shapes, seeded values, the same whoever reads them in whatever order.

A value depends on the seed, the tensor's name and its place in the tensor, nothing else. Values are normal
(deviation 0.02 for matrices, 0.1 around 1 for norms, 0.1 around 0 for biases) and exact in float16, so a float16 copy
loses nothing.
"""

from __future__ import annotations

import hashlib
from functools import cache
from statistics import NormalDist

import numpy as np

from lab.core.errors import WeightsError
from lab.core.suggest import unknown
from lab.formats.manifest import AdapterFacts
from lab.models.family import Sizes
from lab.models.params import tensor_specs
from lab.models.quant import F32
from lab.models.sources.base import SourceKind

BLOCK_ROWS = 64
_DEVIATION = 0.02
_VECTOR_DEVIATION = 0.1
_LEVELS = 1 << 16


class SyntheticSource:
    """Seeded weights of any network."""

    kind: SourceKind = "synthetic"
    adapter: AdapterFacts | None = None
    notes: tuple[str, ...] = ()

    def __init__(self, config: Sizes, seed: int = 0) -> None:
        """Make the source; costs nothing until something is read."""
        self.config = config
        self.seed = seed
        self._shapes = {tensor.hf_name: tensor.shape for tensor in tensor_specs(config)}

    @property
    def source_id(self) -> str:
        """The seed."""
        return f"seed {self.seed}"

    def tensor_names(self) -> list[str]:
        """Return the names of all tensors."""
        return list(self._shapes)

    def read_rows(self, hf_name: str, start: int, stop: int) -> F32:
        """Return rows start..stop of a matrix as float32 [stop - start, K]."""
        rows, k = self._shape(hf_name, 2)
        if not 0 <= start <= stop <= rows:
            raise WeightsError(f"{hf_name}: rows {start} to {stop} asked for; it has {rows}")
        out = np.empty((stop - start, k), np.float32)
        for block in range(start // BLOCK_ROWS, -(-stop // BLOCK_ROWS)):
            first = block * BLOCK_ROWS
            below, above = max(first, start), min(first + BLOCK_ROWS, stop)
            levels = self._block(hf_name, block, (above - first) * k).reshape(-1, k)[below - first :]
            # "clip" because the other modes check or copy every index; 16-bit levels always fit.
            np.take(_normal_levels(), levels, out=out[below - start : above - start], mode="clip")
        return out

    def vector(self, hf_name: str) -> F32:
        """Return a norm's weights or a bias as float32 [H]."""
        (size,) = self._shape(hf_name, 1)
        normal = _normal_levels()[self._block(hf_name, 0, size)] * np.float32(_VECTOR_DEVIATION / _DEVIATION)
        middle = np.float32(0 if hf_name.endswith(".bias") else 1)
        return (middle + normal).astype(np.float16).astype(np.float32)

    def _block(self, hf_name: str, block: int, count: int) -> np.ndarray[tuple[int], np.dtype[np.uint16]]:
        """Return `count` levels of one block of rows; more of a block begins with the same levels."""
        text = f"{self.seed}/{hf_name}/{block}".encode()
        bits = np.random.SFC64(int.from_bytes(hashlib.sha256(text).digest()[:16], "little"))
        words = np.random.Generator(bits).integers(0, 1 << 64, -(-count // 4), dtype=np.uint64)
        return words.astype("<u8", copy=False).view("<u2")[:count]

    def _shape(self, hf_name: str, dimensions: int) -> tuple[int, ...]:
        shape = self._shapes.get(hf_name)
        if shape is None:
            raise WeightsError(unknown("tensor", hf_name, self._shapes))
        if len(shape) != dimensions:
            raise WeightsError(f"{hf_name} has shape {shape}, not {dimensions} dimensions")
        return shape


@cache
def _normal_levels() -> F32:
    """Return 65536 equally likely values of the normal distribution, rounded to float16.

    One table look-up a value is several times faster than drawing from the distribution.
    """
    normal = NormalDist(0.0, _DEVIATION)
    half = [normal.inv_cdf((level + 0.5) / _LEVELS) for level in range(_LEVELS // 2, _LEVELS)]
    upper = np.array(half, np.float64).astype(np.float16).astype(np.float32)
    return np.concatenate([-upper[::-1], upper])
