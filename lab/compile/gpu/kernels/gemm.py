"""Matrix times many rows of activations, for prefill: bound by multiply-adds.

A thread computes `rows` rows of `vector` neighbouring columns, in registers. Each weight is unpacked once for those
rows; neighbouring threads read neighbouring words, and all of them the same activations. Nothing goes through shared
memory.
"""

from __future__ import annotations

import functools
from typing import Any

from tvm.script import tirx as T

from lab.compile.gpu.kernels.vec import activated, cast, lanes_of, nibble, of, splat
from lab.compile.gpu.kernels.weights import GROUP, OFFSET, Weights
from lab.compile.gpu.tile import Gemm
from lab.compile.tir.narrow import AS_IT_IS, Scaled, narrowed, written
from lab.compile.tir.sizes import divided, fitting_vector
from lab.compile.tir.trim import trimmed
from lab.models.activation import SILU_GATED, Activation

PrimFunc = Any


@functools.cache
def gemm(
    tile: Gemm,
    weights: Weights,
    x_dtype: str,
    out_dtype: str,
    *,
    activation: Activation | None = None,
    bias: str | None = None,
    residual: bool = False,
    scaled: Scaled = AS_IT_IS,
) -> PrimFunc:
    """Return out[m, n] = (residual[m, n] +) sum over k of x[m, k] * weight[k, n] (+ bias[n]), or its activation.

    Arguments: x [rows, K]; the words and the scales, or the floats, of the matrix; with `bias`, its type, [weights.n];
    with `residual` float32 [rows, N]; out [rows, N], where N is half of weights.n if the activation has gates. The
    first of N that `scaled` counts are times its factor before they are rounded to `out_dtype`.
    """
    active, function = activation is not None, activation or SILU_GATED
    sets = function.halves if active else 1
    k_size, n_size, gated = weights.k, divided(weights.n, sets), sets == 2
    v = fitting_vector(n_size, tile.vector)
    columns = divided(n_size, v)
    rows = tile.gated_rows if gated else tile.rows
    tx_size, ty_size, quantised, biased = tile.threads_n, tile.threads_m, weights.quantised, bias is not None

    @T.inline
    def one_k(x, acc, weight, k, first, last):
        """Add the products of one row of weights with all rows of activations."""
        act = T.alloc_buffer((rows,), "float32", scope="local")
        for r in T.unroll(rows):
            act[r] = T.Cast("float32", x[T.min(first + r, last), k])
            for s in T.unroll(sets):
                acc[s * rows + r] = acc[s * rows + r] + weight[s] * splat(act[r], v)

    @T.inline
    def q4_group(x, words, scales, acc, g, start, first, last):
        scale = T.alloc_buffer((sets,), of("float32", v), scope="local")
        word = T.alloc_buffer((sets,), of("uint32", v), scope="local")
        weight = T.alloc_buffer((sets,), of("float32", v), scope="local")
        for s in T.unroll(sets):
            scale[s] = cast("float32", scales[g, lanes_of(start + s * n_size, v)], v)
        for j in T.serial(4):
            for s in T.unroll(sets):
                word[s] = words[g * 4 + j, lanes_of(start + s * n_size, v)]
            for i in T.unroll(8):
                for s in T.unroll(sets):
                    weight[s] = (nibble(word[s], i, v) - splat(T.float32(OFFSET), v)) * scale[s]
                one_k(x, acc, weight, g * GROUP + j * 8 + i, first, last)

    @T.inline
    def float_group(x, values, acc, g, start, first, last):
        weight = T.alloc_buffer((sets,), of("float32", v), scope="local")
        for k in T.serial(GROUP):
            for s in T.unroll(sets):
                weight[s] = cast("float32", values[g * GROUP + k, lanes_of(start + s * n_size, v)], v)
            one_k(x, acc, weight, g * GROUP + k, first, last)

    @T.prim_func
    def product(
        x_handle: T.handle,
        main_handle: T.handle,
        scales_handle: T.handle,
        bias_handle: T.handle,
        before_handle: T.handle,
        out_handle: T.handle,
    ):
        T.func_attr({"tirx.noalias": True, "op_pattern": 8, "tirx.is_scheduled": True})
        n = T.int64()
        x = T.match_buffer(x_handle, (n, k_size), x_dtype)
        main = T.match_buffer(main_handle, weights.main_shape, weights.main_dtype)
        scales = T.match_buffer(scales_handle, weights.scale_shape, weights.dtype)
        added = T.match_buffer(bias_handle, (weights.n,), bias or "float32")
        before = T.match_buffer(before_handle, (n, n_size), "float32")
        out = T.match_buffer(out_handle, (n, n_size), out_dtype)
        for by in T.thread_binding((n + ty_size * rows - 1) // (ty_size * rows), thread="blockIdx.y"):
            for bx in T.thread_binding(-(-columns // tx_size), thread="blockIdx.x"):
                for ty in T.thread_binding(ty_size, thread="threadIdx.y"):
                    for tx in T.thread_binding(tx_size, thread="threadIdx.x"):
                        if bx * tx_size + tx < columns:
                            acc = T.alloc_buffer((sets * rows,), of("float32", v), scope="local")
                            start: T.let[T.int32] = (bx * tx_size + tx) * v
                            first: T.let[T.int32] = (T.Cast("int32", by) * ty_size + ty) * rows
                            # Rows past the end are computed from the last one, and not stored.
                            last: T.let[T.int32] = T.Cast("int32", n) - 1
                            for i in T.unroll(sets * rows):
                                if biased:
                                    acc[i] = cast("float32", added[lanes_of(start + i // rows * n_size, v)], v)
                                else:
                                    acc[i] = splat(T.float32(0), v)
                            for g in T.serial(divided(k_size, GROUP)):
                                if quantised:
                                    q4_group(x, main, scales, acc, g, start, first, last)
                                else:
                                    float_group(x, main, acc, g, start, first, last)
                            for r in T.unroll(rows):
                                if first + r <= last:
                                    if active:
                                        out[first + r, lanes_of(start, v)] = narrowed(
                                            out_dtype, activated(function, acc[r], acc[(sets - 1) * rows + r], v), v
                                        )
                                    else:
                                        if residual:
                                            out[first + r, lanes_of(start, v)] = cast(
                                                out_dtype, before[first + r, lanes_of(start, v)] + acc[r], v
                                            )
                                        else:
                                            out[first + r, lanes_of(start, v)] = written(
                                                out_dtype, acc[r], v, start, scaled
                                            )

    return trimmed(product)
