"""Matrix times one row of activations: what decode does, bound by reading the weights once.

Adjacent threads take adjacent columns of the [K, N] weights, `vector` of them each, so that a row of a workgroup reads
one run of memory. The sums over K are split over the workgroup's second axis and meet in shared memory. Activations go
through shared memory a piece at a time, times the norm's weights where RMSNorm comes first; its root mean square
is a factor of the finished sum, so the norm costs no launch and no second pass.
"""

from __future__ import annotations

import functools
from typing import Any

from tvm.script import tirx as T

from lab.compile.gpu.kernels.norm import NormOf, moments
from lab.compile.gpu.kernels.vec import activated, cast, lanes_of, nibble, of, splat
from lab.compile.gpu.kernels.weights import GROUP, OFFSET, Weights
from lab.compile.gpu.tile import Gemv
from lab.compile.tir.narrow import AS_IT_IS, Scaled, narrowed, written
from lab.compile.tir.sizes import divided, fitting, fitting_vector
from lab.compile.tir.trim import trimmed
from lab.models.activation import SILU_GATED, Activation

PrimFunc = Any


@functools.cache
def gemv(
    tile: Gemv,
    weights: Weights,
    x_dtype: str,
    out_dtype: str,
    *,
    norm: NormOf | None = None,
    activation: Activation | None = None,
    bias: str | None = None,
    residual: bool = False,
    scaled: Scaled = AS_IT_IS,
) -> PrimFunc:
    """Return out[0, n] = (residual[0, n] +) sum over k of norm(x)[k] * weight[k, n] (+ bias[n]), or its activation.

    Arguments: x [rows, K], of which the last row counts; with `norm` its weights [K], and LayerNorm's bias [K]; the
    words and the scales, or the floats, of the matrix; with `bias`, its type, [weights.n]; with `residual` float32
    [1, N]; out [1, N], where N is half of weights.n if the activation has gates. The first of N that `scaled` counts
    are times its factor before they are rounded to `out_dtype`.
    """
    active, function = activation is not None, activation or SILU_GATED
    sets = function.halves if active else 1
    k_size, n_size = weights.k, divided(weights.n, sets)
    v = fitting_vector(n_size, tile.vector)
    columns = divided(n_size, v)
    tx_size, ty_size = tile.threads_for(columns), tile.threads_k
    threads = tx_size * ty_size
    piece_groups = fitting(divided(k_size, GROUP), tile.piece // GROUP)
    piece, quantised, biased = piece_groups * GROUP, weights.quantised, bias is not None
    kind = norm or NormOf("float32", 0.0)
    rms, layer = norm is not None and not kind.layer, kind.layer
    measure = moments(tx_size, ty_size, k_size, kind.eps)

    @T.inline
    def stage(x, g, b, acts, square, row, base, thread):
        """Put a piece of activations, times the norm's weights, where the workgroup sees it."""
        for i in T.serial(-(-piece // threads)):
            at = i * threads + thread
            if at < piece:
                value: T.let[T.float32] = T.Cast("float32", x[row, base + at])
                if rms:
                    square[0] = square[0] + value * value
                    acts[at] = value * T.Cast("float32", g[base + at])
                else:
                    if layer:
                        acts[at] = (value - square[0]) * square[1] * T.Cast("float32", g[base + at]) + T.Cast(
                            "float32", b[base + at]
                        )
                    else:
                        acts[at] = value

    def word_sum(first, word, eight):
        """Return `first` plus eight weights times their activations: one expression, so that it stays in registers."""
        for i in range(8):
            first = first + nibble(word, i, v) * splat(eight[i], v)
        return first

    @T.inline
    def q4_group(words, scales, acts, sums, acc, group, local_group, start, index):
        part = T.alloc_buffer((1,), of("float32", v), scope="local")
        part[0] = splat(sums[local_group] * T.float32(-OFFSET), v)
        word = T.alloc_buffer((1,), of("uint32", v), scope="local")
        eight = T.alloc_buffer((8,), "float32", scope="local")
        for j in T.unroll(4):
            word[0] = words[group * 4 + j, lanes_of(start, v)]
            for i in T.unroll(8):
                eight[i] = acts[local_group * GROUP + j * 8 + i]
            part[0] = word_sum(part[0], word[0], eight)
        acc[index] = acc[index] + part[0] * cast("float32", scales[group, lanes_of(start, v)], v)

    @T.inline
    def float_group(values, acts, acc, group, local_group, start, index):
        one = T.alloc_buffer((1,), "float32", scope="local")
        for k in T.unroll(GROUP):
            one[0] = acts[local_group * GROUP + k]
            acc[index] = acc[index] + cast("float32", values[group * GROUP + k, lanes_of(start, v)], v) * splat(
                one[0], v
            )

    @T.prim_func
    def product(
        x_handle: T.handle,
        g_handle: T.handle,
        b_handle: T.handle,
        main_handle: T.handle,
        scales_handle: T.handle,
        bias_handle: T.handle,
        before_handle: T.handle,
        out_handle: T.handle,
    ):
        T.func_attr({"tirx.noalias": True, "op_pattern": 8, "tirx.is_scheduled": True})
        rows = T.int64()
        x = T.match_buffer(x_handle, (rows, k_size), x_dtype)
        g = T.match_buffer(g_handle, (k_size,), kind.dtype)
        b = T.match_buffer(b_handle, (k_size,), kind.dtype)
        main = T.match_buffer(main_handle, weights.main_shape, weights.main_dtype)
        scales = T.match_buffer(scales_handle, weights.scale_shape, weights.dtype)
        added = T.match_buffer(bias_handle, (weights.n,), bias or "float32")
        before = T.match_buffer(before_handle, (1, n_size), "float32")
        out = T.match_buffer(out_handle, (1, n_size), out_dtype)
        for block in T.thread_binding(-(-columns // tx_size), thread="blockIdx.x"):
            for ty in T.thread_binding(ty_size, thread="threadIdx.y"):
                for tx in T.thread_binding(tx_size, thread="threadIdx.x"):
                    acts = T.alloc_buffer((piece,), "float32", scope="shared")
                    sums = T.alloc_buffer((piece_groups,), "float32", scope="shared")
                    parts = T.alloc_buffer((sets * threads * v,), "float32", scope="shared")
                    squares = T.alloc_buffer((threads,), "float32", scope="shared")
                    columns_square = T.alloc_buffer((tx_size,), "float32", scope="shared")
                    square = T.alloc_buffer((2 if layer else 1,), "float32", scope="local")
                    acc = T.alloc_buffer((sets,), of("float32", v), scope="local")
                    # Threads past the end read the last column and store nothing: all must meet at the barriers.
                    column: T.let[T.int32] = T.min(block * tx_size + tx, columns - 1)
                    worker: T.let[T.int32] = ty * tx_size + tx
                    if layer:
                        measure(x, rows - 1, squares, columns_square, square, tx, ty)
                    else:
                        square[0] = T.float32(0)
                    for s in T.unroll(sets):
                        acc[s] = splat(T.float32(0), v)
                    for p in T.serial(divided(k_size, piece)):
                        stage(x, g, b, acts, square, rows - 1, p * piece, worker)
                        T.tvm_storage_sync("shared")
                        if quantised:
                            for i in T.serial(-(-piece_groups // threads)):
                                if i * threads + worker < piece_groups:
                                    total = T.alloc_buffer((1,), "float32", scope="local")
                                    total[0] = T.float32(0)
                                    for k in T.serial(GROUP):
                                        total[0] = total[0] + acts[(i * threads + worker) * GROUP + k]
                                    sums[i * threads + worker] = total[0]
                            T.tvm_storage_sync("shared")
                        for i in T.serial(-(-piece_groups // ty_size)):
                            if i * ty_size + ty < piece_groups:
                                for s in T.unroll(sets):
                                    if quantised:
                                        q4_group(
                                            main,
                                            scales,
                                            acts,
                                            sums,
                                            acc,
                                            p * piece_groups + i * ty_size + ty,
                                            i * ty_size + ty,
                                            column * v + s * n_size,
                                            s,
                                        )
                                    else:
                                        float_group(
                                            main,
                                            acts,
                                            acc,
                                            p * piece_groups + i * ty_size + ty,
                                            i * ty_size + ty,
                                            column * v + s * n_size,
                                            s,
                                        )
                        T.tvm_storage_sync("shared")
                    for s in T.unroll(sets):
                        parts[lanes_of((s * threads + worker) * v, v)] = acc[s]
                    if rms:
                        squares[worker] = square[0]
                    T.tvm_storage_sync("shared")
                    if rms:
                        square[0] = T.float32(0)
                        for i in T.serial(ty_size):
                            square[0] = square[0] + squares[i * tx_size + tx]
                        columns_square[tx] = square[0]
                        T.tvm_storage_sync("shared")
                    if ty == 0:
                        for i in T.serial(1, ty_size):
                            for s in T.unroll(sets):
                                acc[s] = acc[s] + parts[lanes_of((s * threads + i * tx_size + tx) * v, v)]
                        if rms:
                            square[0] = T.float32(0)
                            for i in T.serial(tx_size):
                                square[0] = square[0] + columns_square[i]
                            square[0] = T.rsqrt(square[0] / T.float32(k_size) + T.float32(kind.eps))
                            for s in T.unroll(sets):
                                acc[s] = acc[s] * splat(square[0], v)
                        if biased:
                            for s in T.unroll(sets):
                                acc[s] = acc[s] + cast("float32", added[lanes_of(column * v + s * n_size, v)], v)
                        if block * tx_size + tx < columns:
                            if active:
                                out[0, lanes_of(column * v, v)] = narrowed(
                                    out_dtype, activated(function, acc[0], acc[sets - 1], v), v
                                )
                            else:
                                if residual:
                                    out[0, lanes_of(column * v, v)] = cast(
                                        out_dtype, before[0, lanes_of(column * v, v)] + acc[0], v
                                    )
                                else:
                                    out[0, lanes_of(column * v, v)] = written(out_dtype, acc[0], v, column * v, scaled)

    return trimmed(product)
