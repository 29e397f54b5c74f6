"""The KV cache's pages on a GPU: append, copy a page, read back, move.

A page lies as on the CPU: V row by row, K transposed, [head_dim, 16 tokens], so that a thread's vector holds the
scores of as many tokens. A thread moves one vector or one element; all of these are bound by memory.
"""

from __future__ import annotations

from typing import Any

from tvm.script import tirx as T

from lab.compile.gpu import Gpu
from lab.compile.gpu.kernels.shape import FLAT_LANES, flat_threads
from lab.compile.tir.sizes import PAGE, divided, fitting_vector
from lab.compile.tir.vec import lanes_of

PrimFunc = Any


def append_pages(gpu: Gpu, num_kv_heads: int, head_dim: int, dtype: str) -> PrimFunc:
    """Return the function (pages, k, v, slots) that stores new keys and values; slot -1 is skipped.

    After the last new token the rest of its page's keys is zeros, for decode reads keys by vectors of tokens. They lie
    in the cache lines that the token's key is written to.
    """
    threads, lanes = flat_threads(gpu), fitting_vector(head_dim, FLAT_LANES)
    vectors = divided(head_dim, lanes)

    @T.prim_func
    def append(pages_handle: T.handle, k_handle: T.handle, v_handle: T.handle, slots_handle: T.handle):
        T.func_attr({"tirx.noalias": True})
        n = T.int32()
        num_pages = T.int32()
        slots_offset = T.int32()
        whole = T.match_buffer(pages_handle, (num_pages, 2, num_kv_heads, PAGE, head_dim), dtype)
        k = T.match_buffer(k_handle, (n, num_kv_heads, head_dim), dtype)
        v = T.match_buffer(v_handle, (n, num_kv_heads, head_dim), dtype)
        slots = T.match_buffer(slots_handle, (n,), "int32", elem_offset=slots_offset)
        pages = T.decl_buffer((num_pages, 2, num_kv_heads, PAGE * head_dim), dtype, data=whole.data)
        for block in T.thread_binding((n * num_kv_heads * vectors + (threads - 1)) // threads, thread="blockIdx.x"):
            for thread in T.thread_binding(threads, thread="threadIdx.x"):
                i: T.let[T.int32] = block * threads + thread
                if i < n * num_kv_heads * vectors:
                    m: T.let[T.int32] = i // (num_kv_heads * vectors)
                    h: T.let[T.int32] = i // vectors % num_kv_heads
                    d: T.let[T.int32] = i % vectors * lanes
                    slot: T.let[T.int32] = slots[m]
                    if slot >= 0:
                        for j in T.unroll(lanes):
                            pages[slot // PAGE, 0, h, (d + j) * PAGE + slot % PAGE] = k[m, h, d + j]
                            if m == n - 1:
                                for rest in T.serial(PAGE - 1 - slot % PAGE):
                                    pages[slot // PAGE, 0, h, (d + j) * PAGE + slot % PAGE + 1 + rest] = T.Cast(
                                        dtype, 0
                                    )
                        pages[slot // PAGE, 1, h, lanes_of(slot % PAGE * head_dim + d, lanes)] = v[
                            m, h, lanes_of(d, lanes)
                        ]

    return append


def copy_page(gpu: Gpu, num_kv_heads: int, head_dim: int, dtype: str) -> PrimFunc:
    """Return the function (pages, source page, target page, length) that copies a page as it stands."""
    threads, vectors = flat_threads(gpu), divided(2 * num_kv_heads * PAGE * head_dim, FLAT_LANES)

    @T.prim_func
    def copy(pages_handle: T.handle, source: T.int64, target: T.int64, length: T.int64):
        T.func_attr({"tirx.noalias": True})
        num_pages = T.int64()
        whole = T.match_buffer(pages_handle, (num_pages, 2, num_kv_heads, PAGE, head_dim), dtype)
        pages = T.decl_buffer((num_pages, vectors * FLAT_LANES), dtype, data=whole.data)
        for block in T.thread_binding((vectors + (threads - 1)) // threads, thread="blockIdx.x"):
            for thread in T.thread_binding(threads, thread="threadIdx.x"):
                i: T.let[T.int32] = block * threads + thread
                if i < vectors and length > T.int64(0):
                    pages[target, lanes_of(i * FLAT_LANES, FLAT_LANES)] = pages[
                        source, lanes_of(i * FLAT_LANES, FLAT_LANES)
                    ]

    return copy


def read_pages(gpu: Gpu, num_layers: int, num_kv_heads: int, head_dim: int, dtype: str) -> PrimFunc:
    """Return the function (pages, slots, k, v, layer) that reads keys and values back in plain order."""
    threads = flat_threads(gpu)

    @T.prim_func
    def read(pages_handle: T.handle, slots_handle: T.handle, k_handle: T.handle, v_handle: T.handle, layer: T.int64):
        T.func_attr({"tirx.noalias": True})
        n = T.int64()
        num_pages = T.int64()
        slots_offset = T.int64()
        whole = T.match_buffer(pages_handle, (num_pages, 2, num_kv_heads, PAGE, head_dim), dtype)
        slots = T.match_buffer(slots_handle, (n,), "int32", elem_offset=slots_offset)
        k = T.match_buffer(k_handle, (num_layers, n, num_kv_heads, head_dim), dtype)
        v = T.match_buffer(v_handle, (num_layers, n, num_kv_heads, head_dim), dtype)
        pages = T.decl_buffer((num_pages, 2, num_kv_heads, PAGE * head_dim), dtype, data=whole.data)
        for block in T.thread_binding((n * num_kv_heads * head_dim + (threads - 1)) // threads, thread="blockIdx.x"):
            for thread in T.thread_binding(threads, thread="threadIdx.x"):
                i: T.let[T.int64] = block * threads + thread
                if i < n * num_kv_heads * head_dim:
                    m: T.let[T.int64] = i // (num_kv_heads * head_dim)
                    h: T.let[T.int64] = i // head_dim % num_kv_heads
                    d: T.let[T.int64] = i % head_dim
                    slot: T.let[T.int32] = slots[m]
                    k[layer, m, h, d] = pages[slot // PAGE, 0, h, d * PAGE + slot % PAGE]
                    v[layer, m, h, d] = pages[slot // PAGE, 1, h, slot % PAGE * head_dim + d]

    return read


def move_slots(gpu: Gpu, num_kv_heads: int, head_dim: int, dtype: str) -> PrimFunc:
    """Return the function that moves tokens between slots, as tree decoding asks after accepting tokens.

    Arguments as the KV cache passes them: (pages, indptr [batch + 1], pairs [2, moves], batch). Each thread makes all
    moves of one element in order, so that a slot may be a source after it was a target.
    """
    threads = flat_threads(gpu)

    @T.prim_func
    def move(pages_handle: T.handle, indptr_handle: T.handle, pairs_handle: T.handle, batch: T.int32):
        T.func_attr({"tirx.noalias": True})
        num_pages = T.int32()
        moves = T.int32()
        indptr_offset = T.int32()
        pairs_offset = T.int32()
        whole = T.match_buffer(pages_handle, (num_pages, 2, num_kv_heads, PAGE, head_dim), dtype)
        indptr = T.match_buffer(indptr_handle, (batch + 1,), "int32", elem_offset=indptr_offset)
        pairs = T.match_buffer(pairs_handle, (2, moves), "int32", elem_offset=pairs_offset)
        pages = T.decl_buffer((num_pages, 2, num_kv_heads, PAGE * head_dim), dtype, data=whole.data)
        for block in T.thread_binding(
            (batch * num_kv_heads * head_dim + (threads - 1)) // threads, thread="blockIdx.x"
        ):
            for thread in T.thread_binding(threads, thread="threadIdx.x"):
                i: T.let[T.int32] = block * threads + thread
                if i < batch * num_kv_heads * head_dim:
                    b: T.let[T.int32] = i // (num_kv_heads * head_dim)
                    h: T.let[T.int32] = i // head_dim % num_kv_heads
                    d: T.let[T.int32] = i % head_dim
                    for j in T.serial(indptr[b + 1] - indptr[b]):
                        source: T.let[T.int32] = pairs[0, indptr[b] + j]
                        target: T.let[T.int32] = pairs[1, indptr[b] + j]
                        pages[target // PAGE, 0, h, d * PAGE + target % PAGE] = pages[
                            source // PAGE, 0, h, d * PAGE + source % PAGE
                        ]
                        pages[target // PAGE, 1, h, target % PAGE * head_dim + d] = pages[
                            source // PAGE, 1, h, source % PAGE * head_dim + d
                        ]

    return move
