"""How a matrix lies in weights.bin: layout "n16k4", made for kernels that compute 16 rows at a time.

Rows come in blocks of 16 (zero rows fill up the last one), and within a block four consecutive values along K
of one row lie together, because the byte dot product of CPUs eats them by four. A matrix has shape [N, K] with
K a multiple of 32; NB = ceil(N / 16) row blocks and G = K / 32 groups. Byte and element orders are given at
each function; each packer has its inverse.
"""

from __future__ import annotations

import numpy as np

from lab.models.layouts.layout import Layout
from lab.models.quant import I8, U8, Array

LAYOUT = "n16k4"
BLOCK_ROWS = 16


def q_shape(rows: int, k: int, bits: int) -> tuple[int, int, int, int]:
    """Return the shape of the packed integers of a [rows, k] matrix."""
    return (_blocks(rows), k // 32, bits, 64)


def scale_shape(rows: int, k: int) -> tuple[int, int, int]:
    """Return the shape of the packed scales of a [rows, k] matrix."""
    return dense_shape(rows, k // 32)


def dense_shape(rows: int, k: int) -> tuple[int, int, int]:
    """Return the shape of a [rows, k] float matrix, packed."""
    return (_blocks(rows), k, BLOCK_ROWS)


def pack_q(q: I8, bits: int) -> U8:
    """Pack integers [N, K] of 4 or 8 bits.

    4: uint8 [NB, G, 4, 64]; byte (nb, g, j, r*4+t) holds q[nb*16+r, g*32+j*8+t] + 8 in its low nibble and
       q[nb*16+r, g*32+j*8+4+t] + 8 in its high nibble.
    8: uint8 [NB, G, 8, 64]; byte (nb, g, j, r*4+t) holds q[nb*16+r, g*32+j*4+t] + 128.
    """
    raised = (_pad(q).view(np.uint8) + np.uint8(1 << (bits - 1))).view("<u4")  # four t's as one element
    blocks, groups = raised.shape[0] // BLOCK_ROWS, q.shape[1] // 32
    quads = raised.reshape(blocks, BLOCK_ROWS, groups, 8)
    if bits == 4:
        quads = quads[..., 0::2] | (quads[..., 1::2] << np.uint32(4))
    packed = np.ascontiguousarray(quads.transpose(0, 2, 3, 1))
    return packed.view(np.uint8).reshape(q_shape(q.shape[0], q.shape[1], bits))


def unpack_q(packed: U8, rows: int, bits: int) -> I8:
    """Return the integers [rows, K] that `pack_q` packed."""
    quads = packed.reshape(*packed.shape[:3], 1, BLOCK_ROWS, 4)  # (nb, g, j, half, r, t)
    if bits == 4:
        quads = np.concatenate([quads & 15, quads >> 4], axis=3)
    ordered = quads.transpose(0, 4, 1, 2, 3, 5)
    q = (ordered.astype(np.int16) - (1 << (bits - 1))).astype(np.int8)
    return q.reshape(packed.shape[0] * BLOCK_ROWS, -1)[:rows]


def pack_dense(w: Array) -> Array:
    """Pack floats [N, K] to [NB, K, 16]: (nb, k, r) is w[nb*16+r, k]. So are scales, by group instead of k."""
    padded = _pad(w)
    return np.ascontiguousarray(padded.reshape(-1, BLOCK_ROWS, padded.shape[1]).transpose(0, 2, 1))


def unpack_dense(packed: Array, rows: int) -> Array:
    """Return the floats [rows, K] that `pack_dense` packed."""
    return np.ascontiguousarray(packed.transpose(0, 2, 1)).reshape(-1, packed.shape[1])[:rows]


def _blocks(rows: int) -> int:
    return -(-rows // BLOCK_ROWS)


def _pad(matrix: Array) -> Array:
    missing = _blocks(matrix.shape[0]) * BLOCK_ROWS - matrix.shape[0]
    return np.ascontiguousarray(np.pad(matrix, ((0, missing), (0, 0))) if missing else matrix)


N16K4 = Layout(
    name=LAYOUT,
    block_rows=BLOCK_ROWS,
    row_axis=0,
    q_dtype="uint8",
    q_shape=q_shape,
    dense_shape=dense_shape,
    pack_q=pack_q,
    unpack_q=unpack_q,
    pack_dense=pack_dense,
    unpack_dense=unpack_dense,
    holds=lambda _: True,
    vector_dtype=lambda _: "float32",  # the kernels compute norms in float32 for every scheme
    scale_dtype=lambda _: "float16",
    kv_dtype=lambda scheme: scheme.kv_dtype,
    rel_error_layer=lambda scheme: scheme.rel_error_layer,
)
