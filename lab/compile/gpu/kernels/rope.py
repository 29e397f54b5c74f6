"""Rotary position embedding on a GPU: the table of angles and the split of fused qkv that applies it.

As on the CPU the table is made once, when the KV cache is. Both kernels are bound by memory: the split reads and writes
each element of qkv once, a thread a vector of each half of a head.
"""

from __future__ import annotations

import math
from typing import Any

from tvm.script import tirx as T

from lab.compile.gpu import Gpu
from lab.compile.gpu.kernels.shape import FLAT_LANES, flat_threads
from lab.compile.tir.narrow import narrowed
from lab.compile.tir.sizes import divided, fitting_vector
from lab.compile.tir.vec import Expr, lanes_of, of, to_f32

PrimFunc = Any


def rope_table(gpu: Gpu, rotary_dim: int, limit: int | None, scaling: float) -> PrimFunc:
    """Return the function (inverse, table) that fills table[p] with the cosines, then the sines, of position p.

    inverse: float32 [2, rotary_dim/2], the inverse frequencies of the short and the long factors; table: float32
    [positions, rotary_dim]. More than `limit` positions take the long ones; both are multiplied by `scaling`.
    """
    half, threads = divided(rotary_dim, 2), flat_threads(gpu)
    most = 2**62 if limit is None else limit

    @T.prim_func
    def fill(inverse: T.Buffer((2, half), "float32"), table_handle: T.handle):
        T.func_attr({"tirx.noalias": True, "op_pattern": 8})
        positions = T.int64()
        table = T.match_buffer(table_handle, (positions, rotary_dim), "float32")
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


def split_rotary(
    gpu: Gpu, num_heads: int, num_kv_heads: int, head_dim: int, dtype: str, rotary_dim: int | None = None
) -> PrimFunc:
    """Return the function that splits qkv [n, heads + 2 * kv_heads, D] and rotates the first `rotary_dim` of q and k.

    Halves of those R rotate against each other: out[d] = x[d] cos - x[d + R/2] sin, out[d + R/2] = x[d + R/2] cos +
    x[d] sin; the rest passes. Signature as the KV cache calls it: (qkv, positions, q, k, v, table [positions, R]).
    """
    turned = head_dim if rotary_dim is None else rotary_dim
    half, fused, threads = divided(turned, 2), num_heads + 2 * num_kv_heads, flat_threads(gpu)
    lanes = fitting_vector(math.gcd(half, divided(head_dim, 2)), FLAT_LANES)
    vectors, vector, partial = divided(head_dim, 2 * lanes), of("float32", lanes), turned < head_dim

    @T.inline
    def rotate(qkv, out, table, m, h, target, p, d):
        x = T.alloc_buffer((2,), vector, scope="local")
        a = T.alloc_buffer((2,), vector, scope="local")
        for j in T.unroll(2):
            x[j] = to_f32(qkv[m, h, lanes_of(d + j * half, lanes)], lanes)
            a[j] = table[p, lanes_of(d + j * half, lanes)]
        out[m, target, lanes_of(d, lanes)] = narrowed(dtype, x[0] * a[0] - x[1] * a[1], lanes)
        out[m, target, lanes_of(d + half, lanes)] = narrowed(dtype, x[1] * a[0] + x[0] * a[1], lanes)

    @T.inline
    def copy(qkv, out, m, h, target, d, apart):
        for j in T.unroll(2):
            out[m, target, lanes_of(d + j * apart, lanes)] = qkv[m, h, lanes_of(d + j * apart, lanes)]

    @T.inline
    def turn(qkv, out, table, m, h, target, p, d):
        """Rotate two vectors that are half of the rotated part apart; threads past them copy two neighbours."""
        if partial:
            if d < half:
                rotate(qkv, out, table, m, h, target, p, d)
            else:
                copy(qkv, out, m, h, target, 2 * d, lanes)
        else:
            rotate(qkv, out, table, m, h, target, p, d)

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
        table = T.match_buffer(table_handle, (table_rows, turned), "float32")
        for block in T.thread_binding((n * fused * vectors + (threads - 1)) // threads, thread="blockIdx.x"):
            for thread in T.thread_binding(threads, thread="threadIdx.x"):
                i: T.let[T.int32] = block * threads + thread
                if i < n * fused * vectors:
                    m: T.let[T.int32] = i // (fused * vectors)
                    h: T.let[T.int32] = i // vectors % fused
                    d: T.let[T.int32] = i % vectors * lanes
                    if h < num_heads:
                        turn(qkv, q, table, m, h, h, positions[m], d)
                    elif h < num_heads + num_kv_heads:
                        turn(qkv, k, table, m, h, h - num_heads, positions[m], d)
                    else:
                        copy(qkv, v, m, h, h - num_heads - num_kv_heads, d, head_dim // 2)

    return split
