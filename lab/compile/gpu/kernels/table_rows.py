"""A table that keeps its rows: the embedding lookup, and the product with the head of a network that shares the table.

For the lookup a thread unpacks a word; of the product, neighbouring threads read neighbouring words of one row, and
their sums meet in shared memory. Both are bound by memory: one row a token, and the whole table.
"""

from __future__ import annotations

import functools
from typing import Any

from tvm.script import tirx as T

from lab.compile.gpu.kernels.norm import NormOf
from lab.compile.gpu.kernels.vec import cast, lanes_of, nibble, splat
from lab.compile.gpu.kernels.weights import GROUP, OFFSET, Weights
from lab.compile.tir.sizes import divided
from lab.compile.tir.trim import trimmed

PrimFunc = Any
LANES = 4  # the widest vector that every GPU language has
UNIT = 8  # weights of a word
LOOKERS = 16  # threads that share a row


@functools.cache
def embed(threads: int, table: Weights, factor: float = 1.0) -> PrimFunc:
    """Return out[m, :] = table[ids[m], :] * factor as float32.

    Arguments: int32 ids [rows]; words [N, K/8] and scales [N, K/32], or floats [N, K]; out float32 [rows, K].
    """
    units, width, quantised = (divided(table.k, 8), 8, True) if table.quantised else (table.k, 1, False)

    def times(value):
        return value if factor == 1.0 else value * T.float32(factor)

    @T.inline
    def unpack(main, scales, out, m, row, unit):
        if quantised:
            word: T.let[T.uint32] = main[row, unit]
            scale: T.let[T.float32] = T.Cast("float32", scales[row, unit // (GROUP // 8)])
            for i in T.unroll(8):
                out[m, unit * width + i] = times((nibble(word, i, 1) - T.float32(OFFSET)) * scale)
        else:
            out[m, unit] = times(T.Cast("float32", main[row, unit]))

    @T.prim_func
    def lookup(ids_handle: T.handle, main_handle: T.handle, scales_handle: T.handle, out_handle: T.handle):
        T.func_attr({"tirx.noalias": True, "op_pattern": 8, "tirx.is_scheduled": True})
        n = T.int64()
        ids = T.match_buffer(ids_handle, (n,), "int32")
        main = T.match_buffer(main_handle, (table.n, units), table.main_dtype)
        scales = T.match_buffer(scales_handle, (table.n, divided(table.k, GROUP)), table.dtype)
        out = T.match_buffer(out_handle, (n, table.k), "float32")
        for m in T.thread_binding(n, thread="blockIdx.y"):
            for b in T.thread_binding(-(-units // threads), thread="blockIdx.x"):
                for t in T.thread_binding(threads, thread="threadIdx.x"):
                    if b * threads + t < units:
                        row: T.let[T.int32] = ids[m]
                        unpack(main, scales, out, T.Cast("int32", m), row, b * threads + t)

    return trimmed(lookup)


@functools.cache
def gemv_rows(threads: int, table: Weights, norm: NormOf | None = None, bias: str | None = None) -> PrimFunc:
    """Return out[0, n] = sum over k of RMSNorm(x)[k] * table[n, k] (+ bias[n]), float32; without `norm`, of x itself.

    Arguments: float32 x [rows, K], of which the last row counts; with `norm` its weights [K]; the words [N, K/8] and
    the scales [N, K/32], or the floats [N, K]; with `bias`, its type, [N]; out [1, N]. LayerNorm is another kernel.
    """
    rows_a_group, quantised, normed = divided(threads, LOOKERS), table.quantised, norm is not None
    kind = norm or NormOf("float32", 0.0)
    if kind.layer:
        raise ValueError("gemv_rows takes RMSNorm alone")
    units = divided(table.k, UNIT)
    steps = -(-units // LOOKERS)
    width = UNIT if not quantised else 1

    @T.inline
    def weights_of(main, scales, weight, row, unit, half):
        if quantised:
            shifts: T.let = T.Ramp(T.uint32(0), T.uint32(4), LANES) + splat(T.Cast("uint32", half * 16), LANES)
            weight[0] = (
                cast(
                    "float32",
                    T.bitwise_and(T.shift_right(splat(main[row, unit], LANES), shifts), splat(T.uint32(15), LANES)),
                    LANES,
                )
                - splat(T.float32(OFFSET), LANES)
            ) * splat(T.Cast("float32", scales[row, unit // (GROUP // UNIT)]), LANES)
        else:
            weight[0] = cast("float32", main[row, lanes_of(unit * UNIT + half * LANES, LANES)], LANES)

    def finished(total, added, row):
        """The sum, over the root mean square where there is a norm, and with the bias."""
        value = total[0]
        if normed:
            value = value * T.rsqrt(total[1] / T.float32(table.k) + T.float32(kind.eps))
        return value + T.Cast("float32", added[row]) if bias else value

    @T.prim_func
    def product(
        x_handle: T.handle,
        g_handle: T.handle,
        main_handle: T.handle,
        scales_handle: T.handle,
        bias_handle: T.handle,
        out_handle: T.handle,
    ):
        T.func_attr({"tirx.noalias": True, "op_pattern": 8, "tirx.is_scheduled": True})
        rows = T.int64()
        x = T.match_buffer(x_handle, (rows, table.k), "float32")
        g = T.match_buffer(g_handle, (table.k,), kind.dtype)
        main = T.match_buffer(main_handle, (table.n, units * width), table.main_dtype)
        scales = T.match_buffer(scales_handle, (table.n, divided(table.k, GROUP)), table.dtype)
        added = T.match_buffer(bias_handle, (table.n,), bias or "float32")
        out = T.match_buffer(out_handle, (1, table.n), "float32")
        for block in T.thread_binding(-(-table.n // rows_a_group), thread="blockIdx.x"):
            for ty in T.thread_binding(rows_a_group, thread="threadIdx.y"):
                for tx in T.thread_binding(LOOKERS, thread="threadIdx.x"):
                    sums = T.alloc_buffer((threads * LANES,), "float32", scope="shared")
                    squares = T.alloc_buffer((threads * LANES if normed else 1,), "float32", scope="shared")
                    total = T.alloc_buffer((2,), "float32", scope="local")
                    acc = T.alloc_buffer((1,), f"float32x{LANES}", scope="local")
                    square = T.alloc_buffer((1,), f"float32x{LANES}", scope="local")
                    act = T.alloc_buffer((1,), f"float32x{LANES}", scope="local")
                    weight = T.alloc_buffer((1,), f"float32x{LANES}", scope="local")
                    row: T.let[T.int32] = T.min(block * rows_a_group + ty, table.n - 1)
                    acc[0] = splat(T.float32(0), LANES)
                    square[0] = splat(T.float32(0), LANES)
                    for i in T.serial(steps):
                        if i * LOOKERS + tx < units:
                            for half in T.unroll(UNIT // LANES):
                                unit: T.let[T.int32] = i * LOOKERS + tx
                                act[0] = x[rows - 1, lanes_of(unit * UNIT + half * LANES, LANES)]
                                if normed:
                                    square[0] = square[0] + act[0] * act[0]
                                    act[0] = act[0] * cast(
                                        "float32", g[lanes_of(unit * UNIT + half * LANES, LANES)], LANES
                                    )
                                weights_of(main, scales, weight, row, unit, half)
                                acc[0] = acc[0] + act[0] * weight[0]
                    sums[lanes_of((ty * LOOKERS + tx) * LANES, LANES)] = acc[0]
                    if normed:
                        squares[lanes_of((ty * LOOKERS + tx) * LANES, LANES)] = square[0]
                    T.tvm_storage_sync("shared")
                    if tx == 0 and block * rows_a_group + ty < table.n:
                        total[0] = T.float32(0)
                        total[1] = T.float32(0)
                        for i in T.serial(LOOKERS * LANES):
                            total[0] = total[0] + sums[ty * LOOKERS * LANES + i]
                            if normed:
                                total[1] = total[1] + squares[ty * LOOKERS * LANES + i]
                        out[0, row] = finished(total, added, row)

    return trimmed(product)
