"""Prefill attention on a GPU: a chunk of new tokens among themselves, and over the pages of their history.

Bound by the multiply-add (attention_tile).
"""

from __future__ import annotations

from typing import Any

from tvm.script import tirx as T

from lab.compile.gpu import Gpu
from lab.compile.gpu.kernels.attention_tile import Source, tile_steps
from lab.compile.gpu.kernels.tile_sizes import tile_for
from lab.compile.tir.sizes import PAGE, divided
from lab.compile.tir.vec import LOG2_E, Expr

PrimFunc = Any


def ragged_attention(
    gpu: Gpu, num_heads: int, num_kv_heads: int, head_dim: int, dtype: str, window: int | None
) -> PrimFunc:
    """Return causal attention of new tokens among themselves. Signature as the KV cache calls it.

    q, out: `dtype` [n, heads, D]; k, v: [n, kv_heads, D]; lse: float32 [n, heads], log2 of the softmax sum.
    """
    tile = tile_for(gpu, "attention_ragged", head_dim, dtype)
    rows, group = tile.rows, divided(num_heads, num_kv_heads)
    reach = 2**30 if window is None else window

    def element(place: Any, t: Expr) -> Expr:
        return ((place[0] + t) * num_kv_heads + place[1]) * head_dim

    def row(place: Any, t: Expr) -> Expr:
        return (place[0] + t) * num_kv_heads + place[1]

    attend = tile_steps(tile, dtype, reach, Source(element, 1, row))

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
                        first: T.let[T.int32] = T.max(block * rows - (reach - 1), 0)
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
                            first,
                            T.max(T.min((block + 1) * rows, length), first),
                            block * rows,
                            sm_scale * T.float32(LOG2_E),
                        )

    return prefill_ragged


def paged_attention(
    gpu: Gpu, num_heads: int, num_kv_heads: int, head_dim: int, dtype: str, window: int | None
) -> PrimFunc:
    """Return attention of new tokens over the pages of their history. Signature as the KV cache calls it.

    Every key of the history comes before every query, so only the window and the history's length mask. A row
    that the window keeps from every key still takes one tile, gets the lowest log2 sum and so no weight in
    the merge.
    """
    tile = tile_for(gpu, "attention_paged", head_dim, dtype)
    rows, group = tile.rows, divided(num_heads, num_kv_heads)
    reach = 2**30 if window is None else window

    def part(place: Any, t: Expr, what: int) -> Expr:
        return (place[0][place[1] + t // PAGE] * 2 + what) * num_kv_heads + place[2]

    def element(place: Any, t: Expr) -> Expr:
        return part(place, t, 0) * (PAGE * head_dim) + t % PAGE

    def row(place: Any, t: Expr) -> Expr:
        return part(place, t, 1) * PAGE + t % PAGE

    attend = tile_steps(tile, dtype, reach, Source(element, PAGE, row))

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
                            T.min(T.max(position - (reach - 1), 0), T.max(length - 1, 0)) // PAGE * PAGE
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
                            first,
                            length,
                            position,
                            sm_scale * T.float32(LOG2_E),
                        )

    return prefill_paged
