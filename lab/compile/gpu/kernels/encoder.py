"""What image encoders, and norms of queries and keys, need beside the kernels of decoders.

Attention of every row to every row has the tiles of prefill and is bound by the multiply-add; the others are bound by
memory.
"""

from __future__ import annotations

import functools
from typing import Any

from tvm.script import tirx as T

from lab.compile.gpu import Gpu
from lab.compile.gpu.kernels.attention_tile import Source, Window, tile_steps
from lab.compile.gpu.kernels.shape import flat_threads
from lab.compile.gpu.kernels.tile_sizes import tile_for
from lab.compile.gpu.kernels.vec import activated
from lab.compile.tir.narrow import narrowed
from lab.compile.tir.vec import LOG2_E, Expr
from lab.models.activation import Activation

PrimFunc = Any


@functools.cache
def full_attention(gpu: Gpu, heads: int, head_dim: int, shared: int) -> PrimFunc:
    """Return softmax(q k^T / sqrt(head_dim)) v of each head. All float32; out: [n, heads, head_dim], lse: [n, heads].

    q: [n, heads + others, head_dim], whose first heads are the queries; kv: [m, shared + 2 * heads, head_dim], whose
    heads from `shared` on are the keys, then the values. So one tensor of fused rows can be both.
    """
    tile, fused = tile_for(gpu, "attention_full", head_dim, "float32"), shared + 2 * heads
    rows, scale = tile.rows, LOG2_E * head_dim**-0.5

    def element(head: Any, t: Expr) -> Expr:
        return (t * fused + shared + head) * head_dim

    def row(head: Any, t: Expr) -> Expr:
        return t * fused + shared + heads + head

    attend = tile_steps(tile, "float32", Source(element, 1, row))

    @T.prim_func
    def attention(q_handle: T.handle, kv_handle: T.handle, out_handle: T.handle, lse_handle: T.handle):
        T.func_attr({"tirx.noalias": True, "op_pattern": 8, "tirx.is_scheduled": True})
        n = T.int32()
        m = T.int32()
        q_heads = T.int32()
        q = T.match_buffer(q_handle, (n, q_heads, head_dim), "float32")
        kv = T.match_buffer(kv_handle, (m, fused, head_dim), "float32")
        out = T.match_buffer(out_handle, (n, heads, head_dim), "float32")
        lse = T.match_buffer(lse_handle, (n, heads), "float32")
        flat = T.decl_buffer((m * fused * head_dim,), "float32", data=kv.data)
        for head in T.thread_binding(heads, thread="blockIdx.y"):
            for block in T.thread_binding((n + (rows - 1)) // rows, thread="blockIdx.x"):
                for thread in T.thread_binding(tile.threads, thread="threadIdx.x"):
                    # As if every query stood after the last key: it sees them all.
                    attend(
                        thread,
                        q,
                        flat,
                        flat,
                        head,
                        out,
                        lse,
                        block * rows,
                        n,
                        head,
                        Window(0, m, 2**30),
                        m,
                        T.float32(scale),
                    )

    return attention


@functools.cache
def active_rows(gpu: Gpu, features: int, activation: Activation, out_dtype: str) -> PrimFunc:
    """Return the activation, without gates, of each element of float32 [rows, features]."""
    threads = flat_threads(gpu)

    @T.prim_func
    def active(x_handle: T.handle, out_handle: T.handle):
        T.func_attr({"tirx.noalias": True, "op_pattern": 8, "tirx.is_scheduled": True})
        n = T.int64()
        x = T.match_buffer(x_handle, (n, features), "float32")
        out = T.match_buffer(out_handle, (n, features), out_dtype)
        for block in T.thread_binding((n * features + (threads - 1)) // threads, thread="blockIdx.x"):
            for thread in T.thread_binding(threads, thread="threadIdx.x"):
                i: T.let[T.int64] = block * threads + thread
                if i < n * features:
                    value = T.alloc_buffer((1,), "float32", scope="local")
                    value[0] = x[i // features, i % features]
                    out[i // features, i % features] = narrowed(
                        out_dtype, activated(activation, value[0], value[0], 1), 1
                    )

    return active


@functools.cache
def normed_heads(
    gpu: Gpu, heads: int, kv_heads: int, head_dim: int, norm: tuple[str, float], factor: float, dtype: str
) -> PrimFunc:
    """Return fused rows float32 [n, heads + 2 kv_heads, D] as `dtype`, with LayerNorm of each query and each key.

    Arguments: rows, weight and bias [D] of the queries, then of the keys, out; `norm`: their type and epsilon. Queries
    are then times `factor`. A thread has a head.
    """
    threads, fused, (norm_dtype, eps) = flat_threads(gpu), heads + 2 * kv_heads, norm

    @T.inline
    def one(x, weight, bias, out, m, h, times):
        stats = T.alloc_buffer((2,), "float32", scope="local")
        stats[0] = T.float32(0)
        stats[1] = T.float32(0)
        for d in T.serial(head_dim):
            stats[0] = stats[0] + x[m, h, d]
        stats[0] = stats[0] / T.float32(head_dim)
        for d in T.serial(head_dim):
            stats[1] = stats[1] + (x[m, h, d] - stats[0]) * (x[m, h, d] - stats[0])
        stats[1] = T.rsqrt(stats[1] / T.float32(head_dim) + T.float32(eps))
        for d in T.serial(head_dim):
            out[m, h, d] = narrowed(
                dtype,
                ((x[m, h, d] - stats[0]) * stats[1] * T.Cast("float32", weight[d]) + T.Cast("float32", bias[d]))
                * T.float32(times),
                1,
            )

    @T.prim_func
    def norm_heads(
        x_handle: T.handle,
        q_weight: T.Buffer((head_dim,), norm_dtype),
        q_bias: T.Buffer((head_dim,), norm_dtype),
        k_weight: T.Buffer((head_dim,), norm_dtype),
        k_bias: T.Buffer((head_dim,), norm_dtype),
        out_handle: T.handle,
    ):
        T.func_attr({"tirx.noalias": True, "op_pattern": 8, "tirx.is_scheduled": True})
        n = T.int32()
        x = T.match_buffer(x_handle, (n, fused, head_dim), "float32")
        out = T.match_buffer(out_handle, (n, fused, head_dim), dtype)
        for block in T.thread_binding((n * fused + (threads - 1)) // threads, thread="blockIdx.x"):
            for thread in T.thread_binding(threads, thread="threadIdx.x"):
                i: T.let[T.int32] = block * threads + thread
                if i < n * fused:
                    m: T.let[T.int32] = i // fused
                    h: T.let[T.int32] = i % fused
                    if h < heads:
                        one(x, q_weight, q_bias, out, m, h, factor)
                    elif h < heads + kv_heads:
                        one(x, k_weight, k_bias, out, m, h, 1.0)
                    else:
                        for d in T.serial(head_dim):
                            out[m, h, d] = narrowed(dtype, x[m, h, d], 1)

    return norm_heads
