"""Prefill attention: a chunk of new tokens among themselves, and over the pages of their history.

Bound by the multiply-add (attention_tile). Among themselves, each head's keys and values are unpacked to float32 once,
keys transposed on the way; both stay in the second-level cache. Pages of the history are read as they lie: one
conversion for each `tile.rows` multiply-adds costs less than a float32 copy, which would leave the second-level cache
at a thousand tokens.
"""

from __future__ import annotations

from typing import Any

from tvm.script import tirx as T

from lab.compile.cpu.isa import Isa
from lab.compile.cpu.kernels.attention_tile import Tile, tile_steps
from lab.compile.tir.sizes import PAGE
from lab.compile.tir.sparse import Listed, Neighbours, far_pages, list_pages, log2_scale, near_blocks, near_from
from lab.compile.tir.vec import Expr, lanes_of, to_f32
from lab.models.sparse import SparsePattern

PrimFunc = Any


def _key(keys: Any, _place: Expr, block: Expr, d: Expr) -> Expr:
    """Return dimension d of 16 tokens; keys: float32 [block, head_dim, 16]."""
    return keys[block, d, lanes_of(0, PAGE)]


def ragged_attention(
    isa: Isa,
    num_heads: int,
    num_kv_heads: int,
    head_dim: int,
    dtype: str,
    window: int | None,
    sparse: SparsePattern | None = None,
) -> PrimFunc:
    """Return causal attention of new tokens among themselves. Signature as the KV cache calls it.

    q, out: `dtype` [n, heads, D]; k, v: [n, kv_heads, D]; lse: float32 [n, heads], log2 of the softmax sum.
    """
    tile = Tile(isa, num_heads, num_kv_heads, head_dim, window)
    rows, group, width = tile.rows, tile.group, tile.width
    more = 0 if sparse is None else 1  # page, where the first token of a chunk lies within one

    def lead(position: Expr) -> Any:
        """Return how many slots of the first page lie before a chunk that starts at `position`."""
        return 0 if sparse is None else position % PAGE

    def stored(slot: Expr, length: Expr, start: Any) -> Expr:
        """Return the token in a slot; those past both ends repeat one."""
        return T.min(slot, length - 1) if sparse is None else T.min(T.max(slot - start, 0), length - 1)

    def first_page(row: Expr, position: Expr, scale: Expr) -> Expr:
        """Return the page of the first near key of a row."""
        if sparse is None:
            return T.max(row - (tile.window - 1), 0) // PAGE
        base = position // PAGE
        return T.max(near_from(sparse, row + base * PAGE, near_blocks(sparse, scale)) // PAGE - base, 0)

    def value(values: Any, _place: Expr, block: Expr, token: Expr, vector: Expr) -> Expr:
        """Return a vector of a token's dimensions; values: float32 [token, head_dim]."""
        return values[block * PAGE + token, lanes_of(vector * width, width)]

    load_queries, attend, store = tile_steps(tile, dtype, _key, value)

    @T.inline
    def unpack(k, v, keys, values, begin, length, start, head):
        for t in T.serial((length + start + PAGE - 1) // PAGE * PAGE):
            for j in T.serial(tile.vectors):
                values[t, lanes_of(j * width, width)] = to_f32(
                    v[begin + stored(t, length, start), head, lanes_of(j * width, width)], width
                )
            for d in T.serial(head_dim):
                keys[t // PAGE, d, t % PAGE] = T.Cast("float32", k[begin + stored(t, length, start), head, d])

    @T.prim_func
    def prefill_ragged(
        q_handle: T.handle,
        q_indptr_handle: T.handle,
        k_handle: T.handle,
        v_handle: T.handle,
        kv_indptr_handle: T.handle,
        q_position_handle: T.handle,
        k_offset_handle: T.handle,
        out_handle: T.handle,
        lse_handle: T.handle,
        causal: T.int32,
        rotary_mode: T.int32,
        rope_scale: T.float32,
        rope_theta: T.float32,
        sm_scale: T.float32,
    ):
        T.func_attr({"tirx.noalias": True})
        batch = T.int32()
        q_len = T.int32()
        kv_len = T.int32()
        q_indptr_offset = T.int32()
        kv_indptr_offset = T.int32()
        q_offset = T.int32()
        k_offset = T.int32()
        q = T.match_buffer(q_handle, (q_len, num_heads, head_dim), dtype)
        q_indptr = T.match_buffer(q_indptr_handle, (batch + 1,), "int32", elem_offset=q_indptr_offset)
        k = T.match_buffer(k_handle, (kv_len, num_kv_heads, head_dim), dtype)
        v = T.match_buffer(v_handle, (kv_len, num_kv_heads, head_dim), dtype)
        kv_indptr = T.match_buffer(kv_indptr_handle, (batch + 1,), "int32", elem_offset=kv_indptr_offset)
        q_positions = T.match_buffer(q_position_handle, (q_len,), "int32", elem_offset=q_offset)
        k_positions = T.match_buffer(k_offset_handle, (batch,), "int32", elem_offset=k_offset)
        out = T.match_buffer(out_handle, (q_len, num_heads, head_dim), dtype)
        lse = T.match_buffer(lse_handle, (q_len, num_heads), "float32")
        for b in T.serial(batch):
            for work in T.parallel(tile.works):
                begin: T.let[T.int32] = kv_indptr[b]
                length: T.let[T.int32] = kv_indptr[b + 1] - begin
                blocks: T.let[T.int32] = (length + PAGE - 1) // PAGE
                keys = T.alloc_buffer((kv_len // PAGE + (1 + more), head_dim, PAGE), "float32", scope="local")
                values = T.alloc_buffer(((kv_len // PAGE + (1 + more)) * PAGE, head_dim), "float32", scope="local")
                strip = T.alloc_buffer((rows, (kv_len // PAGE + (2 + more)) * PAGE), "float32", scope="local")
                q32 = T.alloc_buffer((rows, head_dim), "float32", scope="local")
                out32 = T.alloc_buffer((rows, head_dim), "float32", scope="local")
                stats = T.alloc_buffer((rows, 2), "float32", scope="local")
                if sparse is not None:
                    kept = T.alloc_buffer((kv_len // PAGE + 3,), "int32", scope="local")
                    limit = T.alloc_buffer((kv_len // PAGE + 3,), "int32", scope="local")
                    nearest = T.alloc_buffer((rows,), "int32", scope="local")
                unpack(k, v, keys, values, begin, length, lead(k_positions[b]), tile.head_of(work))
                for i in T.serial(tile.tiles_of(work, length)):
                    first: T.let[T.int32] = first_page(
                        tile.tile_of(work, i) * rows + lead(k_positions[b]), k_positions[b], sm_scale
                    )
                    last: T.let[T.int32] = (
                        T.min((tile.tile_of(work, i) + 1) * rows, length) + lead(k_positions[b]) + PAGE - 1
                    ) // PAGE
                    for r in T.serial(group):
                        head: T.let[T.int32] = tile.head_of(work) * group + r
                        load_queries(
                            q,
                            q32,
                            begin + tile.tile_of(work, i) * rows,
                            begin + length,
                            head,
                            log2_scale(sparse, sm_scale),
                        )
                        if sparse is None:
                            attend(
                                q32,
                                keys,
                                values,
                                0,
                                strip,
                                out32,
                                stats,
                                Neighbours(first, last, tile.window),
                                tile.tile_of(work, i) * rows,
                                length,
                            )
                        else:
                            base: T.let[T.int32] = k_positions[b] // PAGE
                            start: T.let[T.int32] = k_positions[b] % PAGE
                            skip: T.let[T.int32] = far_pages(sparse, head, base)
                            far: T.let[T.int32] = far_pages(sparse, head, base + first) - skip
                            list_pages(
                                sparse,
                                head,
                                kept,
                                limit,
                                nearest,
                                far,
                                first,
                                last,
                                base,
                                skip,
                                start,
                                near_blocks(sparse, sm_scale),
                                tile.tile_of(work, i) * rows + start,
                                rows,
                            )
                            attend(
                                q32,
                                keys,
                                values,
                                0,
                                strip,
                                out32,
                                stats,
                                Listed(kept, limit, nearest, far + (last - first)),
                                tile.tile_of(work, i) * rows + start,
                                length + start,
                            )
                        store(out32, stats, out, lse, begin + tile.tile_of(work, i) * rows, begin + length, head)

    return prefill_ragged


def paged_attention(
    isa: Isa,
    num_heads: int,
    num_kv_heads: int,
    head_dim: int,
    dtype: str,
    window: int | None,
    sparse: SparsePattern | None = None,
) -> PrimFunc:
    """Return attention of new tokens over the pages of their history. Signature as the KV cache calls it.

    Every key of the history comes before every query, so only the window and the history's length mask. A row
    that the window keeps from every key still takes one block, gets the lowest log2 sum and so no weight in
    the merge.
    """
    tile = Tile(isa, num_heads, num_kv_heads, head_dim, window)
    rows, group, width = tile.rows, tile.group, tile.width

    def oldest_key(position: Expr, scale: Expr) -> Expr:
        """Return the first near key of a row."""
        if sparse is None:
            return T.max(position - (tile.window - 1), 0)
        return near_from(sparse, position, near_blocks(sparse, scale))

    def key(flat: Any, place: Any, block: Expr, d: Expr) -> Expr:
        return to_f32(flat[place[0][place[1] + block], 0, place[2], lanes_of(d * PAGE, PAGE)], PAGE)

    def value(flat: Any, place: Any, block: Expr, token: Expr, vector: Expr) -> Expr:
        at = lanes_of(token * head_dim + vector * width, width)
        return to_f32(flat[place[0][place[1] + block], 1, place[2], at], width)

    load_queries, attend, store = tile_steps(tile, dtype, key, value)

    @T.prim_func
    def prefill_paged(
        q_handle: T.handle,
        q_indptr_handle: T.handle,
        pages_handle: T.handle,
        indptr_handle: T.handle,
        table_handle: T.handle,
        length_handle: T.handle,
        k_offset_handle: T.handle,
        q_position_handle: T.handle,
        out_handle: T.handle,
        lse_handle: T.handle,
        causal: T.int32,
        rotary_mode: T.int32,
        rope_scale: T.float32,
        rope_theta: T.float32,
        sm_scale: T.float32,
    ):
        T.func_attr({"tirx.noalias": True})
        batch = T.int32()
        q_len = T.int32()
        used_pages = T.int32()
        num_pages = T.int32()
        pages_offset = T.int64()
        q_indptr_offset = T.int32()
        indptr_offset = T.int32()
        table_offset = T.int32()
        length_offset = T.int32()
        k_offset = T.int32()
        q_offset = T.int32()
        q = T.match_buffer(q_handle, (q_len, num_heads, head_dim), dtype)
        q_indptr = T.match_buffer(q_indptr_handle, (batch + 1,), "int32", elem_offset=q_indptr_offset)
        pages = T.match_buffer(
            pages_handle, (num_pages, 2, num_kv_heads, PAGE, head_dim), dtype, elem_offset=pages_offset
        )
        indptr = T.match_buffer(indptr_handle, (batch + 1,), "int32", elem_offset=indptr_offset)
        table = T.match_buffer(table_handle, (used_pages,), "int32", elem_offset=table_offset)
        last_page_len = T.match_buffer(length_handle, (batch,), "int32", elem_offset=length_offset)
        k_positions = T.match_buffer(k_offset_handle, (batch,), "int32", elem_offset=k_offset)
        q_positions = T.match_buffer(q_position_handle, (q_len,), "int32", elem_offset=q_offset)
        out = T.match_buffer(out_handle, (q_len, num_heads, head_dim), dtype)
        lse = T.match_buffer(lse_handle, (q_len, num_heads), "float32")
        flat = T.decl_buffer(
            (num_pages, 2, num_kv_heads, PAGE * head_dim), dtype, data=pages.data, elem_offset=pages_offset
        )
        for b in T.serial(batch):
            for work in T.parallel(tile.works):
                begin: T.let[T.int32] = indptr[b]
                blocks: T.let[T.int32] = indptr[b + 1] - begin
                length: T.let[T.int32] = T.max(blocks - 1, 0) * PAGE + last_page_len[b]
                strip = T.alloc_buffer((rows, (used_pages + 1) * PAGE), "float32", scope="local")
                q32 = T.alloc_buffer((rows, head_dim), "float32", scope="local")
                out32 = T.alloc_buffer((rows, head_dim), "float32", scope="local")
                stats = T.alloc_buffer((rows, 2), "float32", scope="local")
                if sparse is not None:
                    kept = T.alloc_buffer((used_pages + 1,), "int32", scope="local")
                    limit = T.alloc_buffer((used_pages + 1,), "int32", scope="local")
                    nearest = T.alloc_buffer((rows,), "int32", scope="local")
                for i in T.serial(tile.tiles_of(work, q_indptr[b + 1] - q_indptr[b])):
                    start: T.let[T.int32] = q_indptr[b] + tile.tile_of(work, i) * rows
                    position: T.let[T.int32] = q_positions[start] - k_positions[b]
                    first: T.let[T.int32] = T.min(oldest_key(position, sm_scale) // PAGE, blocks - 1)
                    for r in T.serial(group):
                        head: T.let[T.int32] = tile.head_of(work) * group + r
                        load_queries(q, q32, start, q_indptr[b + 1], head, log2_scale(sparse, sm_scale))
                        if sparse is None:
                            attend(
                                q32,
                                flat,
                                flat,
                                (table, begin, tile.head_of(work)),
                                strip,
                                out32,
                                stats,
                                Neighbours(first, blocks, tile.window),
                                position,
                                length,
                            )
                        else:
                            far: T.let[T.int32] = far_pages(sparse, head, first)
                            list_pages(
                                sparse,
                                head,
                                kept,
                                limit,
                                nearest,
                                far,
                                first,
                                blocks,
                                0,
                                0,
                                0,
                                near_blocks(sparse, sm_scale),
                                position,
                                rows,
                            )
                            attend(
                                q32,
                                flat,
                                flat,
                                (table, begin, tile.head_of(work)),
                                strip,
                                out32,
                                stats,
                                Listed(kept, limit, nearest, far + (blocks - first)),
                                position,
                                length,
                            )
                        store(out32, stats, out, lse, start, q_indptr[b + 1], head)

    return prefill_paged
