"""Rotary position embedding on a GPU: the table of angles and the split of fused qkv that applies it.

As on the CPU the table is made once, when the KV cache is. Both kernels are bound by memory: the split reads and writes
each element of qkv once, a thread a vector of each half of a head.
"""

from __future__ import annotations

from typing import Any

from tvm.script import tirx as T

from lab.compile.gpu import Gpu
from lab.compile.gpu.kernels.shape import FLAT_LANES, flat_threads
from lab.compile.tir.narrow import narrowed
from lab.compile.tir.sizes import divided, fitting_vector
from lab.compile.tir.vec import Expr, lanes_of, of, to_f32

PrimFunc = Any


def rope_table(gpu: Gpu, head_dim: int, limit: int | None, scaling: float) -> PrimFunc:
    """Return the function (inverse, table) that fills table[p] with the cosines, then the sines, of position p.

    inverse: float32 [2, head_dim/2], the inverse frequencies of the short and the long factors; table: float32
    [positions, head_dim]. More than `limit` positions take the long ones; both are multiplied by `scaling`.
    """
    half, threads = divided(head_dim, 2), flat_threads(gpu)
    most = 2**62 if limit is None else limit

    @T.prim_func
    def fill(inverse: T.Buffer((2, half), "float32"), table_handle: T.handle):
        T.func_attr({"tirx.noalias": True, "op_pattern": 8})
        positions = T.int64()
        table = T.match_buffer(table_handle, (positions, head_dim), "float32")
        for block in T.thread_binding((positions * half + (threads - 1)) // threads, thread="blockIdx.x"):
            for thread in T.thread_binding(threads, thread="threadIdx.x"):
                i: T.let[T.int64] = block * threads + thread
                if i < positions * half:
                    p: T.let[T.int64] = i // half
                    d: T.let[T.int64] = i % half
                    row: T.let[T.int64] = T.Select(positions > T.int64(most), T.int64(1), T.int64(0))
                    angle = T.alloc_buffer((1,), "float32", scope="local")
                    angle[0] = T.Cast("float32", p) * inverse[row, d]
                    table[p, d] = _exact(gpu, "cos", angle[0]) * T.float32(scaling)
                    table[p, d + half] = _exact(gpu, "sin", angle[0]) * T.float32(scaling)

    return fill


def _exact(gpu: Gpu, function: str, angle: Expr) -> Expr:
    """Return cosine or sine of thousands of radians: Metal's plain ones are only good for one turn."""
    if gpu.kind == "metal":
        return T.call_pure_extern("float32", f"precise::{function}", angle)
    return T.cos(angle) if function == "cos" else T.sin(angle)


def split_rotary(gpu: Gpu, num_heads: int, num_kv_heads: int, head_dim: int, dtype: str) -> PrimFunc:
    """Return the function that splits qkv [n, heads + 2 * kv_heads, D] and rotates q and k.

    Halves rotate against each other: out[d] = x[d] cos - x[d + D/2] sin, out[d + D/2] = x[d + D/2] cos + x[d] sin.
    Signature as the KV cache calls it: (qkv, positions, q, k, v, table).
    """
    half, fused, threads = divided(head_dim, 2), num_heads + 2 * num_kv_heads, flat_threads(gpu)
    lanes = fitting_vector(half, FLAT_LANES)
    vectors, vector = divided(half, lanes), of("float32", lanes)

    @T.inline
    def rotate(qkv, out, table, m, h, target, p, d):
        x = T.alloc_buffer((2,), vector, scope="local")
        a = T.alloc_buffer((2,), vector, scope="local")
        for j in T.unroll(2):
            x[j] = to_f32(qkv[m, h, lanes_of(d + j * half, lanes)], lanes)
            a[j] = table[p, lanes_of(d + j * half, lanes)]
        out[m, target, lanes_of(d, lanes)] = narrowed(dtype, x[0] * a[0] - x[1] * a[1], lanes)
        out[m, target, lanes_of(d + half, lanes)] = narrowed(dtype, x[1] * a[0] + x[0] * a[1], lanes)

    @T.prim_func
    def split(
        qkv_handle: T.handle,
        positions_handle: T.handle,
        q_handle: T.handle,
        k_handle: T.handle,
        v_handle: T.handle,
        table_handle: T.handle,
    ):
        T.func_attr({"tirx.noalias": True, "op_pattern": 8})
        n = T.int32()
        table_rows = T.int32()
        offset = T.int32()
        qkv = T.match_buffer(qkv_handle, (n, fused, head_dim), dtype)
        positions = T.match_buffer(positions_handle, (n,), "int32", elem_offset=offset)
        q = T.match_buffer(q_handle, (n, num_heads, head_dim), dtype)
        k = T.match_buffer(k_handle, (n, num_kv_heads, head_dim), dtype)
        v = T.match_buffer(v_handle, (n, num_kv_heads, head_dim), dtype)
        table = T.match_buffer(table_handle, (table_rows, head_dim), "float32")
        for block in T.thread_binding((n * fused * vectors + (threads - 1)) // threads, thread="blockIdx.x"):
            for thread in T.thread_binding(threads, thread="threadIdx.x"):
                i: T.let[T.int32] = block * threads + thread
                if i < n * fused * vectors:
                    m: T.let[T.int32] = i // (fused * vectors)
                    h: T.let[T.int32] = i // vectors % fused
                    d: T.let[T.int32] = i % vectors * lanes
                    if h < num_heads:
                        rotate(qkv, q, table, m, h, h, positions[m], d)
                    elif h < num_heads + num_kv_heads:
                        rotate(qkv, k, table, m, h, h - num_heads, positions[m], d)
                    else:
                        for j in T.unroll(2):
                            v[m, h - num_heads - num_kv_heads, lanes_of(d + j * half, lanes)] = qkv[
                                m, h, lanes_of(d + j * half, lanes)
                            ]

    return split
