"""How MLC-LLM lays out weights: layout "mlc", for libraries that `mlc_llm` compiled.

Rows stay rows. Types and the quantisation formula are those of MLC-LLM's own sources
(`quantization/group_quantization.py`), and names and order are its own (the family knows them), so a library finds
what it asks for. q4 becomes MLC's q4f16_1: the nibble is the integer + 7 and the integers are -7..7, where this
project's own q4 has -8..7.
"""

from __future__ import annotations

import numpy as np

from lab.models.layouts.layout import Layout
from lab.models.quant import F16, F32, GROUP, I8, Array

LAYOUT = "mlc"
Q_DTYPE = "uint32"

_MAX = 7


def q_shape(rows: int, k: int, bits: int) -> tuple[int, int]:
    """Return the shape of the packed integers of a [rows, k] matrix."""
    return (rows, k * bits // 32)


def dense_shape(rows: int, k: int) -> tuple[int, int]:
    """Return the shape of a [rows, k] float matrix."""
    return (rows, k)


def quantise(w: F32) -> tuple[I8, F16]:
    """Quantise `w` [N, K] as q4f16_1: integers -7..7 [N, K] and scales [N, K/32], not finite where w is too big.

    MLC-LLM computes this in float16, each step rounded: scale = max |w| / 7, integer = round(w / scale + 7) - 7,
    ties to even as on a CPU. A group of zeros has scale 0 and, as MLC-LLM leaves them, integers -7.
    """
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        groups = w.astype(np.float16).astype(np.float32).reshape(len(w), -1, GROUP)
        scale = (np.abs(groups).max(axis=2) / np.float32(_MAX)).astype(np.float16)
        ratio = groups / scale.astype(np.float32)[:, :, None]
        raised = _as_half(_as_half(ratio) + np.float32(_MAX))
        if not scale.all():
            raised[np.isnan(raised)] = 0  # 0 / 0
        nibbles = np.clip(np.rint(raised, out=raised), 0, 2 * _MAX, out=raised)
        return (nibbles.astype(np.int8) - np.int8(_MAX)).reshape(w.shape), scale


def _as_half(x: F32) -> F32:
    """Return `x` rounded to float16's 11 bits, in place; much faster than there and back, subnormals aside."""
    bits = x.view(np.uint32)
    bits += ((bits >> 13) & 1) + np.uint32(0xFFF)
    bits &= np.uint32(0xFFFFE000)
    return x


def pack_q(q: I8, bits: int) -> Array:
    """Pack integers -7..7 [N, K] to uint32 [N, K/8]: eight values + 7 to a word, the first one lowest."""
    nibbles = (q + np.int8(_MAX)).view(np.uint8)
    pairs: Array = np.ascontiguousarray(nibbles[:, 0::2] | nibbles[:, 1::2] << np.uint8(bits))
    return pairs.view("<u4")


def unpack_q(packed: Array, rows: int, bits: int) -> I8:
    """Return the integers [rows, K] of packed words."""
    pairs = np.ascontiguousarray(packed[:rows]).view(np.uint8)
    q = np.empty((rows, pairs.shape[1] * 2), np.int8)
    q[:, 0::2] = pairs & 15
    q[:, 1::2] = pairs >> bits
    q -= _MAX
    return q


def pack_dense(w: Array) -> Array:
    """Return the floats [N, K] as they are."""
    return w


def unpack_dense(packed: Array, rows: int) -> Array:
    """Return the floats of `rows` rows as they are."""
    return packed[:rows]


MLC = Layout(
    name=LAYOUT,
    block_rows=1,
    row_axis=0,
    q_dtype=Q_DTYPE,
    q_shape=q_shape,
    dense_shape=dense_shape,
    pack_q=pack_q,
    unpack_q=unpack_q,
    pack_dense=pack_dense,
    unpack_dense=unpack_dense,
    holds=lambda scheme: scheme.mlc_name is not None,
    vector_dtype=lambda scheme: "float32" if scheme.bits == 32 else "float16",  # the type that MLC-LLM computes in
    scale_dtype=lambda _: "float16",
    kv_dtype=lambda scheme: scheme.kv_dtype,
    rel_error_layer=lambda scheme: scheme.rel_error_layer,
    formula=quantise,
    names_of_mlc=True,
)
