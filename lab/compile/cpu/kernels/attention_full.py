"""Attention of every row to every row, without a cache and without order: what image encoders do.

The inner part is that of prefill (attention_tile): each head's keys and values are unpacked to float32 once and stay in
the second-level cache, so it is bound by the multiply-add.
"""

from __future__ import annotations

import functools
from typing import Any

from tvm.script import tirx as T

from lab.compile.cpu.isa import Isa
from lab.compile.cpu.kernels.attention_tile import Tile, tile_steps
from lab.compile.tir.sizes import PAGE
from lab.compile.tir.sparse import Neighbours
from lab.compile.tir.vec import LOG2_E, Expr, lanes_of, splat

PrimFunc = Any


@functools.cache
def full_attention(isa: Isa, heads: int, head_dim: int, shared: int) -> PrimFunc:
    """Return softmax(q k^T / sqrt(head_dim)) v of each head. All float32; out: [n, heads, head_dim].

    q: [n, heads + others, head_dim], whose first heads are the queries; kv: [m, shared + 2 * heads, head_dim], whose
    heads from `shared` on are the keys, then the values. So one tensor of fused rows can be both.
    """
    tile = Tile(isa, heads, heads, head_dim, None)
    rows, width, vectors = tile.rows, tile.width, tile.vectors

    def key(keys: Any, _place: Expr, block: Expr, d: Expr) -> Expr:
        return keys[block, d, lanes_of(0, PAGE)]

    def value(values: Any, _place: Expr, block: Expr, token: Expr, vector: Expr) -> Expr:
        return values[block * PAGE + token, lanes_of(vector * width, width)]

    load_queries, attend, _ = tile_steps(tile, "float32", key, value)

    @T.inline
    def unpack(kv, keys, values, length, head):
        for t in T.serial((length + PAGE - 1) // PAGE * PAGE):
            for j in T.serial(vectors):
                values[t, lanes_of(j * width, width)] = kv[
                    T.min(t, length - 1), shared + heads + head, lanes_of(j * width, width)
                ]
            for d in T.serial(head_dim):
                keys[t // PAGE, d, t % PAGE] = kv[T.min(t, length - 1), shared + head, d]

    @T.prim_func
    def attention(q_handle: T.handle, kv_handle: T.handle, out_handle: T.handle):
        T.func_attr({"tirx.noalias": True, "op_pattern": 8})
        n = T.int32()
        m = T.int32()
        q_heads = T.int32()
        q = T.match_buffer(q_handle, (n, q_heads, head_dim), "float32")
        kv = T.match_buffer(kv_handle, (m, shared + 2 * heads, head_dim), "float32")
        out = T.match_buffer(out_handle, (n, heads, head_dim), "float32")
        blocks: T.let[T.int32] = (m + PAGE - 1) // PAGE
        for head in T.parallel(heads):
            keys = T.alloc_buffer((m // PAGE + 1, head_dim, PAGE), "float32", scope="local")
            values = T.alloc_buffer(((m // PAGE + 1) * PAGE, head_dim), "float32", scope="local")
            strip = T.alloc_buffer((rows, (m // PAGE + 2) * PAGE), "float32", scope="local")
            q32 = T.alloc_buffer((rows, head_dim), "float32", scope="local")
            out32 = T.alloc_buffer((rows, head_dim), "float32", scope="local")
            stats = T.alloc_buffer((rows, 2), "float32", scope="local")
            unpack(kv, keys, values, m, head)
            for i in T.serial((n + rows - 1) // rows):
                load_queries(q, q32, i * rows, n, head, T.float32(LOG2_E * head_dim**-0.5))
                # As if every query stood after the last key: it sees them all.
                attend(q32, keys, values, 0, strip, out32, stats, Neighbours(0, blocks, tile.window), m, m)
                for r in T.serial(rows):
                    if i * rows + r < n:
                        for j in T.serial(vectors):
                            out[i * rows + r, head, lanes_of(j * width, width)] = out32[
                                r, lanes_of(j * width, width)
                            ] / splat(stats[r, 1], width)

    return attention
