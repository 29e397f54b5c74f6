"""The KV cache's pages: append, copy a page, read back.

A page of one head holds 16 tokens. V is kept row by row; K is kept transposed, [head_dim, 16 tokens], so that the
scores of 16 tokens come out side by side and no lane is ever summed across. The runtime moves whole pages only
and never looks inside. All of these are bound by memory.
"""

from __future__ import annotations

from typing import Any

from tvm.script import tirx as T

from lab.compile.tir.sizes import PAGE

PrimFunc = Any


def append_pages(num_kv_heads: int, head_dim: int, dtype: str) -> PrimFunc:
    """Return the function (pages, k, v, slots) that stores new keys and values; slot -1 is skipped."""

    @T.inline
    def append_head(flat, pages, k, v, slots, n, h):
        for m in T.serial(n):
            if slots[m] != T.int32(-1):
                for d in T.serial(head_dim):
                    flat[slots[m] // PAGE, 0, h, d * PAGE + slots[m] % PAGE] = k[m, h, d]
                for d in T.vectorized(head_dim):
                    pages[slots[m] // PAGE, 1, h, slots[m] % PAGE, d] = v[m, h, d]

    @T.prim_func
    def append(pages_handle: T.handle, k_handle: T.handle, v_handle: T.handle, slots_handle: T.handle):
        T.func_attr({"tirx.noalias": True})
        n = T.int64()
        num_pages = T.int64()
        pages_offset = T.int64()
        slots_offset = T.int64()
        pages = T.match_buffer(
            pages_handle, (num_pages, 2, num_kv_heads, PAGE, head_dim), dtype, elem_offset=pages_offset
        )
        k = T.match_buffer(k_handle, (n, num_kv_heads, head_dim), dtype)
        v = T.match_buffer(v_handle, (n, num_kv_heads, head_dim), dtype)
        slots = T.match_buffer(slots_handle, (n,), "int32", elem_offset=slots_offset)
        flat = T.decl_buffer(
            (num_pages, 2, num_kv_heads, PAGE * head_dim), dtype, data=pages.data, elem_offset=pages_offset
        )
        if n == T.int64(1):
            for h in T.serial(num_kv_heads):
                append_head(flat, pages, k, v, slots, n, h)
        else:
            for h in T.parallel(num_kv_heads):
                append_head(flat, pages, k, v, slots, n, h)

    return append


def copy_page(num_kv_heads: int, head_dim: int, dtype: str) -> PrimFunc:
    """Return the function (pages, source page, target page, length) that copies a page as it stands."""
    size = 2 * num_kv_heads * PAGE * head_dim

    @T.prim_func
    def copy(pages_handle: T.handle, source: T.int64, target: T.int64, length: T.int64):
        T.func_attr({"tirx.noalias": True})
        num_pages = T.int64()
        pages_offset = T.int64()
        pages = T.match_buffer(
            pages_handle, (num_pages, 2, num_kv_heads, PAGE, head_dim), dtype, elem_offset=pages_offset
        )
        flat = T.decl_buffer((num_pages, size), dtype, data=pages.data, elem_offset=pages_offset)
        if length > T.int64(0):
            for i in T.serial(size):
                flat[target, i] = flat[source, i]

    return copy


def read_pages(num_layers: int, num_kv_heads: int, head_dim: int, dtype: str) -> PrimFunc:
    """Return the function (pages, slots, k, v, layer) that reads keys and values back in plain order."""

    @T.prim_func
    def read(pages_handle: T.handle, slots_handle: T.handle, k_handle: T.handle, v_handle: T.handle, layer: T.int64):
        T.func_attr({"tirx.noalias": True})
        n = T.int64()
        num_pages = T.int64()
        pages_offset = T.int64()
        slots_offset = T.int64()
        pages = T.match_buffer(
            pages_handle, (num_pages, 2, num_kv_heads, PAGE, head_dim), dtype, elem_offset=pages_offset
        )
        slots = T.match_buffer(slots_handle, (n,), "int32", elem_offset=slots_offset)
        k = T.match_buffer(k_handle, (num_layers, n, num_kv_heads, head_dim), dtype)
        v = T.match_buffer(v_handle, (num_layers, n, num_kv_heads, head_dim), dtype)
        flat = T.decl_buffer(
            (num_pages, 2, num_kv_heads, PAGE * head_dim), dtype, data=pages.data, elem_offset=pages_offset
        )
        for m, h, d in T.grid(n, num_kv_heads, head_dim):
            k[layer, m, h, d] = flat[slots[m] // PAGE, 0, h, d * PAGE + slots[m] % PAGE]
            v[layer, m, h, d] = pages[slots[m] // PAGE, 1, h, slots[m] % PAGE, d]

    return read


def move_slots(num_kv_heads: int, head_dim: int, dtype: str) -> PrimFunc:
    """Return the function that moves tokens between slots, as tree decoding asks after accepting tokens.

    Arguments as the KV cache passes them: (pages, indptr [batch + 1], pairs [2, moves], batch).
    """

    @T.prim_func
    def move(pages_handle: T.handle, indptr_handle: T.handle, pairs_handle: T.handle, batch: T.int32):
        T.func_attr({"tirx.noalias": True})
        num_pages = T.int64()
        moves = T.int64()
        pages_offset = T.int64()
        indptr_offset = T.int64()
        pairs_offset = T.int64()
        pages = T.match_buffer(
            pages_handle, (num_pages, 2, num_kv_heads, PAGE, head_dim), dtype, elem_offset=pages_offset
        )
        indptr = T.match_buffer(indptr_handle, (batch + 1,), "int32", elem_offset=indptr_offset)
        pairs = T.match_buffer(pairs_handle, (2, moves), "int32", elem_offset=pairs_offset)
        flat = T.decl_buffer(
            (num_pages, 2, num_kv_heads, PAGE * head_dim), dtype, data=pages.data, elem_offset=pages_offset
        )
        for b in T.serial(batch):
            for i in T.serial(indptr[b + 1] - indptr[b]):
                source: T.let[T.int32] = pairs[0, indptr[b] + i]
                target: T.let[T.int32] = pairs[1, indptr[b] + i]
                for h, d in T.grid(num_kv_heads, head_dim):
                    flat[target // PAGE, 0, h, d * PAGE + target % PAGE] = flat[
                        source // PAGE, 0, h, d * PAGE + source % PAGE
                    ]
                    pages[target // PAGE, 1, h, target % PAGE, d] = pages[source // PAGE, 1, h, source % PAGE, d]

    return move
