"""Prefill attention on a GPU: a chunk of new tokens among themselves, and over the pages of their history.

Bound by the multiply-add (attention_tile).
"""

from __future__ import annotations

from typing import Any

from tvm.script import tirx as T

from lab.compile.gpu import Gpu
from lab.compile.gpu.kernels.attention_tile import BOUNDS, Bound, Kept, Source, Window, set_bounds, tile_steps
from lab.compile.gpu.kernels.tile_sizes import tile_for
from lab.compile.tir.sizes import PAGE, divided
from lab.compile.tir.sparse import log2_scale, near_blocks, near_from
from lab.compile.tir.vec import LOG2_E, Expr
from lab.models.sparse import SparsePattern

PrimFunc = Any


def most_keys(sparse: SparsePattern | None) -> int | None:
    """Return how many keys a tile may have at most, so that none lies in two blocks; None where it does not matter."""
    return None if sparse is None else sparse.block


def ragged_attention(
    gpu: Gpu,
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
    tile = tile_for(gpu, "attention_ragged", head_dim, dtype, most_keys(sparse))
    rows, group = tile.rows, divided(num_heads, num_kv_heads)
    reach = 2**30 if window is None else window

    # With a pattern, keys are counted from the block that the chunk begins in; `lead` of them come before it.
    def lead(position: Expr) -> Any:
        return 0 if sparse is None else position % sparse.block

    def token(place: Any, t: Expr) -> Expr:
        return place[0] + (t if sparse is None else T.max(t - place[2], 0))

    def element(place: Any, t: Expr) -> Expr:
        return (token(place, t) * num_kv_heads + place[1]) * head_dim

    def row(place: Any, t: Expr) -> Expr:
        return token(place, t) * num_kv_heads + place[1]

    def oldest_key(first_row: Expr, position: Expr, scale: Expr) -> Expr:
        """Return the first near key of a tile of queries."""
        if sparse is None:
            return T.max(first_row - (reach - 1), 0)
        base = position - lead(position)
        nearest = near_from(sparse, first_row + position, near_blocks(sparse, scale)) - base
        return T.max(nearest, lead(position) // tile.keys * tile.keys)

    attend = tile_steps(tile, dtype, Source(element, 1, row), sparse is not None)

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
        flat_k = T.decl_buffer((kv_len * num_kv_heads * head_dim,), dtype, data=k.data)
        flat_v = T.decl_buffer((kv_len * num_kv_heads * head_dim,), dtype, data=v.data)
        for b in T.thread_binding(batch, thread="blockIdx.z"):
            for head in T.thread_binding(num_heads, thread="blockIdx.y"):
                for block in T.thread_binding((q_len + (rows - 1)) // rows, thread="blockIdx.x"):
                    for thread in T.thread_binding(tile.threads, thread="threadIdx.x"):
                        begin: T.let[T.int32] = kv_indptr[b]
                        length: T.let[T.int32] = kv_indptr[b + 1] - begin
                        first: T.let[T.int32] = oldest_key(block * rows, k_positions[b], sm_scale)
                        if sparse is None:
                            attend(
                                thread,
                                q,
                                flat_k,
                                flat_v,
                                (begin, head // group),
                                out,
                                lse,
                                q_indptr[b] + block * rows,
                                q_indptr[b + 1],
                                head,
                                Window(first, T.max(T.min((block + 1) * rows, length), first), reach),
                                block * rows,
                                sm_scale * T.float32(LOG2_E),
                            )
                        else:
                            bounds = T.alloc_buffer((BOUNDS,), "int32", scope="local")
                            set_bounds(
                                bounds,
                                sparse,
                                head,
                                tile.keys,
                                first,
                                T.max(T.min((block + 1) * rows, length) + lead(k_positions[b]), first),
                                block * rows + lead(k_positions[b]),
                                (k_positions[b] - lead(k_positions[b])) // PAGE,
                                lead(k_positions[b]),
                                near_blocks(sparse, sm_scale),
                            )
                            attend(
                                thread,
                                q,
                                flat_k,
                                flat_v,
                                (begin, head // group, bounds[Bound.START]),
                                out,
                                lse,
                                q_indptr[b] + block * rows,
                                q_indptr[b + 1],
                                head,
                                Kept(sparse, head, bounds),
                                block * rows + bounds[Bound.START],
                                log2_scale(sparse, sm_scale),
                            )

    return prefill_ragged


def paged_attention(
    gpu: Gpu,
    num_heads: int,
    num_kv_heads: int,
    head_dim: int,
    dtype: str,
    window: int | None,
    sparse: SparsePattern | None = None,
) -> PrimFunc:
    """Return attention of new tokens over the pages of their history. Signature as the KV cache calls it.

    Every key of the history comes before every query, so only the window and the history's length mask. A row
    that the window keeps from every key still takes one tile, gets the lowest log2 sum and so no weight in
    the merge.
    """
    tile = tile_for(gpu, "attention_paged", head_dim, dtype, most_keys(sparse))
    rows, group = tile.rows, divided(num_heads, num_kv_heads)
    reach = 2**30 if window is None else window

    def part(place: Any, t: Expr, what: int) -> Expr:
        return (place[0][place[1] + t // PAGE] * 2 + what) * num_kv_heads + place[2]

    def element(place: Any, t: Expr) -> Expr:
        return part(place, t, 0) * (PAGE * head_dim) + t % PAGE

    def row(place: Any, t: Expr) -> Expr:
        return part(place, t, 1) * PAGE + t % PAGE

    def oldest_key(position: Expr, scale: Expr) -> Expr:
        """Return the first near key of a tile of queries."""
        if sparse is None:
            return T.max(position - (reach - 1), 0)
        return near_from(sparse, position, near_blocks(sparse, scale))

    attend = tile_steps(tile, dtype, Source(element, PAGE, row), sparse is not None)

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
        q_indptr_offset = T.int32()
        indptr_offset = T.int32()
        table_offset = T.int32()
        length_offset = T.int32()
        k_offset = T.int32()
        q_offset = T.int32()
        q = T.match_buffer(q_handle, (q_len, num_heads, head_dim), dtype)
        q_indptr = T.match_buffer(q_indptr_handle, (batch + 1,), "int32", elem_offset=q_indptr_offset)
        pages = T.match_buffer(pages_handle, (num_pages, 2, num_kv_heads, PAGE, head_dim), dtype)
        indptr = T.match_buffer(indptr_handle, (batch + 1,), "int32", elem_offset=indptr_offset)
        table = T.match_buffer(table_handle, (used_pages,), "int32", elem_offset=table_offset)
        last_page_len = T.match_buffer(length_handle, (batch,), "int32", elem_offset=length_offset)
        k_positions = T.match_buffer(k_offset_handle, (batch,), "int32", elem_offset=k_offset)
        q_positions = T.match_buffer(q_position_handle, (q_len,), "int32", elem_offset=q_offset)
        out = T.match_buffer(out_handle, (q_len, num_heads, head_dim), dtype)
        lse = T.match_buffer(lse_handle, (q_len, num_heads), "float32")
        flat = T.decl_buffer((num_pages * 2 * num_kv_heads * PAGE * head_dim,), dtype, data=pages.data)
        for b in T.thread_binding(batch, thread="blockIdx.z"):
            for head in T.thread_binding(num_heads, thread="blockIdx.y"):
                for block in T.thread_binding((q_len + (rows - 1)) // rows, thread="blockIdx.x"):
                    for thread in T.thread_binding(tile.threads, thread="threadIdx.x"):
                        begin: T.let[T.int32] = indptr[b]
                        blocks: T.let[T.int32] = indptr[b + 1] - begin
                        length: T.let[T.int32] = T.max(blocks - 1, 0) * PAGE + last_page_len[b]
                        start: T.let[T.int32] = q_indptr[b] + block * rows
                        position: T.let[T.int32] = q_positions[T.min(start, q_len - 1)] - k_positions[b]
                        # Tiles begin with a page, and a workgroup has one key at least.
                        first: T.let[T.int32] = (
                            T.min(oldest_key(position, sm_scale), T.max(length - 1, 0)) // PAGE * PAGE
                        )
                        if sparse is None:
                            attend(
                                thread,
                                q,
                                flat,
                                flat,
                                (table, begin, head // group),
                                out,
                                lse,
                                start,
                                q_indptr[b + 1],
                                head,
                                Window(first, length, reach),
                                position,
                                sm_scale * T.float32(LOG2_E),
                            )
                        else:
                            bounds = T.alloc_buffer((BOUNDS,), "int32", scope="local")
                            set_bounds(
                                bounds,
                                sparse,
                                head,
                                tile.keys,
                                first,
                                length,
                                position,
                                0,
                                0,
                                near_blocks(sparse, sm_scale),
                            )
                            attend(
                                thread,
                                q,
                                flat,
                                flat,
                                (table, begin, head // group),
                                out,
                                lse,
                                start,
                                q_indptr[b + 1],
                                head,
                                Kept(sparse, head, bounds),
                                position,
                                log2_scale(sparse, sm_scale),
                            )

    return prefill_paged
