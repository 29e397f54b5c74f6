"""How a matrix lies in weights.bin: layout "n16k4", made for kernels that compute 16 rows at a time.

Rows come in blocks of 16 (zero rows fill up the last one), and within a block four consecutive values along K
of one row lie together, because the byte dot product of CPUs eats them by four. A matrix has shape [N, K] with
K a multiple of 32; NB = ceil(N / 16) row blocks and G = K / 32 groups. Byte and element orders are given at
each function; each packer has its inverse.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from lab.models.quant import F16, I8, U8, Array, QuantScheme

LAYOUT = "n16k4"
ROW_AXIS = 0
BLOCK_ROWS = 16
Q_DTYPE = "uint8"


def param_name(hf_name: str, suffix: str) -> str:
    """Return the name of a stored tensor: Hugging Face's, with `suffix` in place of "weight"."""
    return hf_name.removesuffix("weight") + suffix


def ordered(hf_names: Iterable[str]) -> Iterable[str]:
    """Return the names in the order of weights.bin: the network's."""
    return hf_names


def vector_dtype(scheme: QuantScheme) -> str:
    """Return the type of a norm's weights: the kernels compute norms in float32 for every scheme."""
    return "float32"


def holds(scheme: QuantScheme) -> bool:
    """Whether the layout can hold `scheme`."""
    return True


def scale_dtype(scheme: QuantScheme) -> str:
    """Return the type of scales."""
    return "float16"


def kv_dtype(scheme: QuantScheme) -> str:
    """Return the type of the KV cache: the scheme's own."""
    return scheme.kv_dtype


def rel_error_layer(scheme: QuantScheme) -> float:
    """Return how far one layer's logits may be from the reference: the scheme's own."""
    return scheme.rel_error_layer


def padded_rows(rows: int) -> int:
    """Return `rows` rounded up to whole row blocks."""
    return -(-rows // BLOCK_ROWS) * BLOCK_ROWS


def q_shape(rows: int, k: int, bits: int) -> tuple[int, int, int, int]:
    """Return the shape of the packed integers of a [rows, k] matrix."""
    return (padded_rows(rows) // BLOCK_ROWS, k // 32, bits, 64)


def scale_shape(rows: int, k: int) -> tuple[int, int, int]:
    """Return the shape of the packed scales of a [rows, k] matrix."""
    return (padded_rows(rows) // BLOCK_ROWS, k // 32, BLOCK_ROWS)


def dense_shape(rows: int, k: int) -> tuple[int, int, int]:
    """Return the shape of a [rows, k] float matrix, packed."""
    return (padded_rows(rows) // BLOCK_ROWS, k, BLOCK_ROWS)


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


def pack_scale(scale: F16) -> F16:
    """Pack scales [N, G] to [NB, G, 16]: (nb, g, r) is the scale of row nb*16+r in group g."""
    return _rows_last(scale)


def unpack_scale(packed: F16, rows: int) -> F16:
    """Return the scales [rows, G] that `pack_scale` packed."""
    return _rows_first(packed, rows)


def pack_dense(w: Array) -> Array:
    """Pack floats [N, K] to [NB, K, 16]: (nb, k, r) is w[nb*16+r, k]."""
    return _rows_last(w)


def unpack_dense(packed: Array, rows: int) -> Array:
    """Return the floats [rows, K] that `pack_dense` packed."""
    return _rows_first(packed, rows)


def _pad(matrix: Array) -> Array:
    missing = padded_rows(matrix.shape[0]) - matrix.shape[0]
    return np.ascontiguousarray(np.pad(matrix, ((0, missing), (0, 0))) if missing else matrix)


def _rows_last(matrix: Array) -> Array:
    padded = _pad(matrix)
    return np.ascontiguousarray(padded.reshape(-1, BLOCK_ROWS, padded.shape[1]).transpose(0, 2, 1))


def _rows_first(packed: Array, rows: int) -> Array:
    return np.ascontiguousarray(packed.transpose(0, 2, 1)).reshape(-1, packed.shape[1])[:rows]
