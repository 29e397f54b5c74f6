"""How GPUs read matrices: layout "mlc-kn", MLC-LLM's q4f16_0, and "mlc-kn-f32", the same with float32 throughout.

A matrix is transposed, [K, N], so that neighbouring threads, which take neighbouring rows of the network's matrix, read
neighbouring words. The embedding table is looked up by rows and keeps them, as in layout "mlc".
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lab.models.layouts import mlc
from lab.models.layouts.layout import Formula, Layout
from lab.models.quant import F32, GROUP, I8, Array

_MAX = 7


def pack_q(q: I8, bits: int) -> Array:
    """Pack integers -7..7 [N, K]: word (j, n) has q[n, 8j+i] + 7 in bits 4i to 4i+3."""
    return _turned(mlc.pack_q(q, bits))


def unpack_q(packed: Array, rows: int, bits: int) -> I8:
    """Return the integers [rows, K] of packed words."""
    return mlc.unpack_q(_turned(packed), rows, bits)


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


def table_of(layout: Layout) -> Layout:
    """Return how the embedding table of a transposed layout lies: by rows."""
    return replace(
        layout,
        row_axis=0,
        q_shape=mlc.q_shape,
        dense_shape=mlc.dense_shape,
        pack_q=mlc.pack_q,
        unpack_q=mlc.unpack_q,
        pack_dense=mlc.pack_dense,
        unpack_dense=mlc.unpack_dense,
    )


def _turned(matrix: Array) -> Array:
    return np.ascontiguousarray(matrix.T)


def _kn(name: str, float_dtype: str, rel_error_layer: float, formula: Formula) -> Layout:
    """Return the layout that has one type for every float: norms, scales, float matrices and the KV cache."""
    return Layout(
        name=name,
        block_rows=1,
        row_axis=1,
        q_dtype=mlc.Q_DTYPE,
        q_shape=lambda rows, k, bits: mlc.q_shape(rows, k, bits)[::-1],
        dense_shape=lambda rows, k: (k, rows),
        pack_q=pack_q,
        unpack_q=unpack_q,
        pack_dense=_turned,
        unpack_dense=lambda packed, rows: _turned(packed)[:rows],
        holds=lambda scheme: scheme.bits == 4 or scheme.weight_dtype == float_dtype,
        vector_dtype=lambda _: float_dtype,
        scale_dtype=lambda _: float_dtype,
        kv_dtype=lambda _: float_dtype,
        rel_error_layer=lambda _: rel_error_layer,  # activations are floats here, never int8
        formula=formula,
    )


KN_F16 = _kn("mlc-kn", "float16", 3e-3, mlc.quantise)
KN_F32 = _kn("mlc-kn-f32", "float32", 1e-3, quantise_f32)
