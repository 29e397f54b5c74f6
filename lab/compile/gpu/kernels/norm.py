"""Norms of rows: kernels of their own for many, and the moments that a product of one row needs. Bound by memory."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

from tvm.script import tirx as T

from lab.compile.tir.narrow import narrowed
from lab.compile.tir.trim import trimmed

PrimFunc = Any


@dataclass(frozen=True)
class NormOf:
    """A norm: RMSNorm, or with `layer` LayerNorm; `dtype` is the type of its weights, and of its bias."""

    dtype: str
    eps: float
    layer: bool = False


def moments(tx_size: int, ty_size: int, features: int, eps: float) -> Any:
    """Return moments(x, row, parts, few, stats, tx, ty), an inline function for all threads of a workgroup.

    It makes stats[0] the mean of x[row], and stats[1] 1 / its standard deviation, in two passes: squares of what is
    far from 0 would not keep the differences. parts: shared [threads]; few: shared [tx_size]. Four barriers.
    """
    threads = tx_size * ty_size
    steps = -(-features // threads)

    @T.inline
    def total(parts, few, stats, index, tx, ty):
        """Make stats[index] the sum of all threads' ones: along one axis of the workgroup, then along the other."""
        parts[ty * tx_size + tx] = stats[index]
        T.tvm_storage_sync("shared")
        if ty == 0:
            for i in T.serial(1, ty_size):
                stats[index] = stats[index] + parts[i * tx_size + tx]
            few[tx] = stats[index]
        T.tvm_storage_sync("shared")
        stats[index] = T.float32(0)
        for i in T.serial(tx_size):
            stats[index] = stats[index] + few[i]

    @T.inline
    def measure(x, row, parts, few, stats, tx, ty):
        stats[0] = T.float32(0)
        for i in T.serial(steps):
            if i * threads + ty * tx_size + tx < features:
                stats[0] = stats[0] + T.Cast("float32", x[row, i * threads + ty * tx_size + tx])
        total(parts, few, stats, 0, tx, ty)
        stats[0] = stats[0] / T.float32(features)
        stats[1] = T.float32(0)
        for i in T.serial(steps):
            if i * threads + ty * tx_size + tx < features:
                away: T.let[T.float32] = T.Cast("float32", x[row, i * threads + ty * tx_size + tx]) - stats[0]
                stats[1] = stats[1] + away * away
        total(parts, few, stats, 1, tx, ty)
        stats[1] = T.rsqrt(stats[1] / T.float32(features) + T.float32(eps))

    return measure


@functools.cache
def rms_norm(threads: int, features: int, kind: NormOf, out_dtype: str, *, residual: bool = False) -> PrimFunc:
    """Return out[m, :] = x[m, :] / root mean square * g (+ residual[m, :]); x, residual: float32 [rows, features]."""
    steps = -(-features // threads)

    def plus(value, before, m, at):
        return value + before[m, at] if residual else value

    @T.prim_func
    def norm(x_handle: T.handle, g_handle: T.handle, before_handle: T.handle, out_handle: T.handle):
        T.func_attr({"tirx.noalias": True, "op_pattern": 8, "tirx.is_scheduled": True})
        n = T.int64()
        x = T.match_buffer(x_handle, (n, features), "float32")
        g = T.match_buffer(g_handle, (features,), kind.dtype)
        before = T.match_buffer(before_handle, (n, features), "float32")
        out = T.match_buffer(out_handle, (n, features), out_dtype)
        for block in T.thread_binding(n, thread="blockIdx.x"):
            for t in T.thread_binding(threads, thread="threadIdx.x"):
                squares = T.alloc_buffer((threads,), "float32", scope="shared")
                square = T.alloc_buffer((1,), "float32", scope="local")
                m: T.let[T.int32] = T.Cast("int32", block)
                square[0] = T.float32(0)
                for i in T.serial(steps):
                    if i * threads + t < features:
                        square[0] = square[0] + x[m, i * threads + t] * x[m, i * threads + t]
                squares[t] = square[0]
                T.tvm_storage_sync("shared")
                square[0] = T.float32(0)
                for i in T.serial(threads):
                    square[0] = square[0] + squares[i]
                square[0] = T.rsqrt(square[0] / T.float32(features) + T.float32(kind.eps))
                for i in T.serial(steps):
                    if i * threads + t < features:
                        out[m, i * threads + t] = narrowed(
                            out_dtype,
                            plus(
                                x[m, i * threads + t] * square[0] * T.Cast("float32", g[i * threads + t]),
                                before,
                                m,
                                i * threads + t,
                            ),
                            1,
                        )

    return trimmed(norm)


@functools.cache
def layer_norm(threads: int, features: int, kind: NormOf, out_dtype: str, *, last_row: bool = False) -> PrimFunc:
    """Return out[m, :] = (x[m, :] - mean) / standard deviation * g + b; x: float32 [rows, features].

    With `last_row` out is [1, features], of the last of the rows.
    """
    steps, rows_of_x = -(-features // threads), 8
    measure = moments(threads // rows_of_x, rows_of_x, features, kind.eps)

    @T.prim_func
    def norm(x_handle: T.handle, g_handle: T.handle, b_handle: T.handle, out_handle: T.handle):
        T.func_attr({"tirx.noalias": True, "op_pattern": 8, "tirx.is_scheduled": True})
        n = T.int64()
        x = T.match_buffer(x_handle, (n, features), "float32")
        g = T.match_buffer(g_handle, (features,), kind.dtype)
        b = T.match_buffer(b_handle, (features,), kind.dtype)
        out = T.match_buffer(out_handle, (1 if last_row else n, features), out_dtype)
        for block in T.thread_binding(1 if last_row else n, thread="blockIdx.x"):
            for t in T.thread_binding(threads, thread="threadIdx.x"):
                parts = T.alloc_buffer((threads,), "float32", scope="shared")
                few = T.alloc_buffer((threads // rows_of_x,), "float32", scope="shared")
                stats = T.alloc_buffer((2,), "float32", scope="local")
                m: T.let[T.int32] = T.Cast("int32", block)
                row: T.let[T.int32] = T.Cast("int32", n) - 1 if last_row else m
                measure(x, row, parts, few, stats, t % (threads // rows_of_x), t // (threads // rows_of_x))
                for i in T.serial(steps):
                    if i * threads + t < features:
                        out[m, i * threads + t] = narrowed(
                            out_dtype,
                            (x[row, i * threads + t] - stats[0]) * stats[1] * T.Cast("float32", g[i * threads + t])
                            + T.Cast("float32", b[i * threads + t]),
                            1,
                        )

    return norm
