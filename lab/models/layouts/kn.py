"""How GPUs read matrices: layout "mlc-kn", MLC-LLM's q4f16_0, and "mlc-kn-f32", the same with float32 throughout.

A matrix is transposed, [K, N], so that neighbouring threads, which take neighbouring rows of the network's matrix, read
neighbouring words. The embedding table is looked up by rows and keeps them, as in layout "mlc".
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from lab.models.layouts import mlc as layout_mlc
from lab.models.quant import F32, GROUP, I8, Array, QuantScheme

_MAX = 7


@dataclass(frozen=True)
class KnLayout:
    """A layout of [K, N] matrices, or with `ROW_AXIS` 0 of its embedding table [N, K], in one type of float."""

    LAYOUT: str
    float_dtype: str
    ROW_AXIS: int = 1

    BLOCK_ROWS: int = 1
    Q_DTYPE: str = "uint32"

    def param_name(self, hf_name: str, suffix: str) -> str:
        """Return the name of a stored tensor: Hugging Face's, with `suffix` in place of "weight"."""
        return hf_name.removesuffix("weight") + suffix

    def ordered(self, hf_names: Iterable[str]) -> Iterable[str]:
        """Return the names in the order of weights.bin: the network's."""
        return hf_names

    def holds(self, scheme: QuantScheme) -> bool:
        """Whether the layout can hold `scheme`: q4, or floats of its own type."""
        return scheme.bits == 4 or scheme.weight_dtype == self.float_dtype

    def vector_dtype(self, scheme: QuantScheme) -> str:
        """Return the type of a norm's weights."""
        return self.float_dtype

    def scale_dtype(self, scheme: QuantScheme) -> str:
        """Return the type of scales."""
        return self.float_dtype

    def kv_dtype(self, scheme: QuantScheme) -> str:
        """Return the type of the KV cache."""
        return self.float_dtype

    def rel_error_layer(self, scheme: QuantScheme) -> float:
        """Return how far one layer's logits may be from the reference: activations are floats here, never int8."""
        return 3e-3 if self.float_dtype == "float16" else 1e-3

    def padded_rows(self, rows: int) -> int:
        """Return `rows`: nothing is filled up."""
        return rows

    def q_shape(self, rows: int, k: int, bits: int) -> tuple[int, ...]:
        """Return the shape of the packed integers of a [rows, k] matrix."""
        return self._turned((rows, k * bits // 32))

    def scale_shape(self, rows: int, k: int) -> tuple[int, ...]:
        """Return the shape of the scales of a [rows, k] matrix."""
        return self._turned((rows, k // GROUP))

    def dense_shape(self, rows: int, k: int) -> tuple[int, ...]:
        """Return the shape of a [rows, k] float matrix."""
        return self._turned((rows, k))

    def pack_q(self, q: I8, bits: int) -> Array:
        """Pack integers -7..7 [N, K]: word (j, n) has q[n, 8j+i] + 7 in bits 4i to 4i+3."""
        return self._turn(layout_mlc.pack_q(q, bits))

    def unpack_q(self, packed: Array, rows: int, bits: int) -> I8:
        """Return the integers [rows, K] of packed words."""
        return layout_mlc.unpack_q(self._turn(packed), rows, bits)

    def pack_scale(self, scale: Array) -> Array:
        """Pack scales [N, G]."""
        return self._turn(scale)

    def unpack_scale(self, packed: Array, rows: int) -> Array:
        """Return the scales [rows, G]."""
        return self._turn(packed)[:rows]

    def pack_dense(self, w: Array) -> Array:
        """Pack floats [N, K]."""
        return self._turn(w)

    def unpack_dense(self, packed: Array, rows: int) -> Array:
        """Return the floats [rows, K]."""
        return self._turn(packed)[:rows]

    def _turn(self, matrix: Array) -> Array:
        return np.ascontiguousarray(matrix.T) if self.ROW_AXIS else matrix

    def _turned(self, shape: tuple[int, int]) -> tuple[int, ...]:
        return shape[::-1] if self.ROW_AXIS else shape


def quantise_f32(w: F32) -> tuple[I8, F32]:
    """Quantise `w` [N, K]: scale = max |w| / 7, integer = round(w / scale + 7) - 7, ties to even, all in float32.

    A group of zeros has scale 0 and integers -7, as in layout "mlc".
    """
    groups = w.reshape(len(w), -1, GROUP)
    scale = np.abs(groups).max(axis=2) / np.float32(_MAX)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        raised = groups / scale[:, :, None] + np.float32(_MAX)
    raised[np.isnan(raised)] = 0  # 0 / 0
    nibbles = np.clip(np.rint(raised), 0, 2 * _MAX)
    return (nibbles.astype(np.int8) - np.int8(_MAX)).reshape(w.shape), scale


KN_F16 = KnLayout("mlc-kn", "float16")
KN_F32 = KnLayout("mlc-kn-f32", "float32")
