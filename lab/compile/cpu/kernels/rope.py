"""Rotary position embedding: the table of angles and the split of fused qkv that applies it.

The table is made once, when the KV cache is, so that the choice between longrope's short and long factors follows
the planned sequence length, as the reference chooses by the sequence it is given. Both kernels are bound by memory: the
split reads and writes each element of qkv once, with 3 operations for each rotated one.
"""

from __future__ import annotations

from typing import Any

from tvm.script import tirx as T

from lab.compile.tir.narrow import narrowed
from lab.compile.tir.sizes import divided, fitting_vector
from lab.compile.tir.vec import lanes_of, of, to_f32

LANES = 16  # at most: a vector lies within half a head
PrimFunc = Any


def rope_table(rotary_dim: int, limit: int | None, scaling: float) -> PrimFunc:
    """Return the function that fills table[p] with the cosines, then the sines, of position p.

    inverse: float32 [2, rotary_dim/2], the inverse frequencies of the short and the long factors; table: float32
    [positions, rotary_dim]. More than `limit` positions take the long ones. Angles are the float32 product of
    position and inverse frequency, as in transformers' rotary embedding; both are multiplied by `scaling`.
    """
    half = rotary_dim // 2
    most = 2**62 if limit is None else limit

    @T.prim_func
    def fill(inverse: T.Buffer((2, half), "float32"), table_handle: T.handle):
        T.func_attr({"tirx.noalias": True, "op_pattern": 8})
        positions = T.int64()
        table = T.match_buffer(table_handle, (positions, rotary_dim), "float32")
        for p in T.serial(positions):
            for d in T.serial(half):
                angle = T.alloc_buffer((1,), "float32")
                angle[0] = T.Cast("float32", p) * T.if_then_else(
                    positions > T.int64(most), inverse[1, d], inverse[0, d]
                )
                table[p, d] = T.cos(angle[0]) * T.float32(scaling)
                table[p, d + half] = T.sin(angle[0]) * T.float32(scaling)

    return fill


def split_rotary(
    num_heads: int, num_kv_heads: int, head_dim: int, dtype: str, rotary_dim: int | None = None
) -> PrimFunc:
    """Return the function that splits qkv [n, heads + 2 * kv_heads, D] and rotates the first R elements of q and k.

    Halves rotate against each other: out[d] = x[d] cos - x[d + R/2] sin, out[d + R/2] = x[d + R/2] cos + x[d] sin.
    R is `rotary_dim`, of which the table has as many columns; None is D.
    Signature as the KV cache calls it: (qkv, positions, q, k, v, table).
    """
    rotated = head_dim if rotary_dim is None else rotary_dim
    half, fused = divided(rotated, 2), num_heads + 2 * num_kv_heads
    lanes, whole, rest = fitting_vector(half, LANES), fitting_vector(head_dim, LANES), head_dim - rotated
    whole = min(lanes, whole)
    tail = fitting_vector(rest, LANES) if rest else 1
    vector = of("float32", lanes)

    @T.inline
    def rotate(source, out, table, m, h, target_head, p):
        for j in T.unroll(divided(half, lanes)):
            x = T.alloc_buffer((2,), vector)
            a = T.alloc_buffer((2,), vector)
            x[0] = to_f32(source[m, h, lanes_of(j * lanes, lanes)], lanes)
            x[1] = to_f32(source[m, h, lanes_of(j * lanes + half, lanes)], lanes)
            a[0] = table[p, lanes_of(j * lanes, lanes)]
            a[1] = table[p, lanes_of(j * lanes + half, lanes)]
            out[m, target_head, lanes_of(j * lanes, lanes)] = narrowed(dtype, x[0] * a[0] - x[1] * a[1], lanes)
            out[m, target_head, lanes_of(j * lanes + half, lanes)] = narrowed(dtype, x[1] * a[0] + x[0] * a[1], lanes)
        if rest > 0:
            for j in T.unroll(divided(rest, tail)):
                out[m, target_head, lanes_of(rotated + j * tail, tail)] = source[
                    m, h, lanes_of(rotated + j * tail, tail)
                ]

    @T.inline
    def split_token(qkv, q, k, v, table, m, position):
        for h in T.serial(num_heads):
            rotate(qkv, q, table, m, h, h, position)
        for h in T.serial(num_kv_heads):
            rotate(qkv, k, table, m, num_heads + h, h, position)
        for h in T.serial(num_kv_heads):
            for j in T.unroll(divided(head_dim, whole)):
                v[m, h, lanes_of(j * whole, whole)] = qkv[m, num_heads + num_kv_heads + h, lanes_of(j * whole, whole)]

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
        n = T.int64()
        table_rows = T.int64()
        offset = T.int64()
        qkv = T.match_buffer(qkv_handle, (n, fused, head_dim), dtype)
        positions = T.match_buffer(positions_handle, (n,), "int32", elem_offset=offset)
        q = T.match_buffer(q_handle, (n, num_heads, head_dim), dtype)
        k = T.match_buffer(k_handle, (n, num_kv_heads, head_dim), dtype)
        v = T.match_buffer(v_handle, (n, num_kv_heads, head_dim), dtype)
        table = T.match_buffer(table_handle, (table_rows, rotated), "float32")
        if n == T.int64(1):
            split_token(qkv, q, k, v, table, 0, positions[0])
        else:
            for m in T.parallel(n):
                split_token(qkv, q, k, v, table, m, positions[m])

    return split
