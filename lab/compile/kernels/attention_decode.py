"""Decode attention over the paged KV cache: one new token, every key and value read once.

For each page of 16 tokens: head_dim fused multiply-adds give the 16 scores side by side (keys are stored
transposed), and 16 * head_dim / 16 more add the values. Bytes: 4 * head_dim a token and KV head in float16, so it is
bound by memory: 25 GB/s keeps up with one multiply-add and one conversion for each 32 bytes.
"""

from __future__ import annotations

from typing import Any

from tvm.script import tirx as T

from lab.compile.kernels.kv_pages import PAGE
from lab.compile.kernels.linear import fitting
from lab.compile.kernels.vec import (
    LOG2_E,
    MASKED,
    exp2,
    f32,
    lanes_of,
    reduce_fadd,
    reduce_fmax,
    splat,
    to_f32,
)

PrimFunc = Any


def decode_attention(num_heads: int, num_kv_heads: int, head_dim: int, dtype: str, window: int | None) -> PrimFunc:
    """Return attention of one query a sequence over its pages, with the log2 of the softmax sum.

    Signature as the KV cache calls it. q, out: `dtype` [batch, heads, D]; lse: float32 [batch, heads]. A key
    is seen when its position is at most `window` - 1 before the query's.
    """
    group, vectors = num_heads // num_kv_heads, head_dim // PAGE
    chains = fitting(head_dim, max(1, 8 // group))  # independent sums, to hide the latency of the add
    chunk = fitting(vectors, max(1, 12 // group))  # value vectors in flight
    reach = 2**30 if window is None else window

    @T.inline
    def score_page(q32, flat, scores, page, kv_head, i, first, length):
        acc = T.alloc_buffer((group * chains,), "float32x16", scope="local")
        for j in T.unroll(group * chains):
            acc[j] = f32(0.0, PAGE)
        for d in T.serial(head_dim // chains):
            for c in T.unroll(chains):
                for r in T.unroll(group):
                    acc[c * group + r] = acc[c * group + r] + to_f32(
                        flat[page, 0, kv_head, lanes_of((d * chains + c) * PAGE, PAGE)], PAGE
                    ) * splat(q32[r, d * chains + c], PAGE)
        for c in T.serial(chains - 1):
            for r in T.unroll(group):
                acc[r] = acc[r] + acc[(c + 1) * group + r]
        for r in T.unroll(group):
            scores[r, lanes_of((i - first) * PAGE, PAGE)] = T.Select(
                lanes_of(i * PAGE, PAGE) < splat(length, PAGE), acc[r], f32(MASKED, PAGE)
            )

    @T.inline
    def add_values(scores, flat, table, begin, out32, kv_head, first, last, part, length):
        acc = T.alloc_buffer((group * chunk,), "float32x16", scope="local")
        for j in T.unroll(group * chunk):
            acc[j] = f32(0.0, PAGE)
        for i in T.serial(last - first):
            # Slots past the end may hold anything, not-a-number included: never read them.
            for t in T.serial(T.min(PAGE, length - (first + i) * PAGE)):
                for c in T.unroll(chunk):
                    for r in T.unroll(group):
                        acc[c * group + r] = acc[c * group + r] + to_f32(
                            flat[
                                table[begin + first + i],
                                1,
                                kv_head,
                                lanes_of(t * head_dim + (part * chunk + c) * PAGE, PAGE),
                            ],
                            PAGE,
                        ) * splat(scores[r, i * PAGE + t], PAGE)
        for c in T.unroll(chunk):
            for r in T.unroll(group):
                out32[r, lanes_of((part * chunk + c) * PAGE, PAGE)] = acc[c * group + r]

    @T.prim_func
    def attend(
        q_handle: T.handle,
        pages_handle: T.handle,
        indptr_handle: T.handle,
        table_handle: T.handle,
        length_handle: T.handle,
        k_offset_handle: T.handle,
        q_position_handle: T.handle,
        out_handle: T.handle,
        lse_handle: T.handle,
        rotary_mode: T.int32,
        rope_scale: T.float32,
        rope_theta: T.float32,
        sm_scale: T.float32,
    ):
        T.func_attr({"tirx.noalias": True})
        batch = T.int32()
        used_pages = T.int32()
        num_pages = T.int32()
        pages_offset = T.int64()
        indptr_offset = T.int32()
        table_offset = T.int32()
        length_offset = T.int32()
        k_offset = T.int32()
        q_offset = T.int32()
        q = T.match_buffer(q_handle, (batch, num_heads, head_dim), dtype)
        pages = T.match_buffer(
            pages_handle, (num_pages, 2, num_kv_heads, PAGE, head_dim), dtype, elem_offset=pages_offset
        )
        indptr = T.match_buffer(indptr_handle, (batch + 1,), "int32", elem_offset=indptr_offset)
        table = T.match_buffer(table_handle, (used_pages,), "int32", elem_offset=table_offset)
        last_page_len = T.match_buffer(length_handle, (batch,), "int32", elem_offset=length_offset)
        k_positions = T.match_buffer(k_offset_handle, (batch,), "int32", elem_offset=k_offset)
        q_positions = T.match_buffer(q_position_handle, (batch,), "int32", elem_offset=q_offset)
        out = T.match_buffer(out_handle, (batch, num_heads, head_dim), dtype)
        lse = T.match_buffer(lse_handle, (batch, num_heads), "float32")
        flat = T.decl_buffer(
            (num_pages, 2, num_kv_heads, PAGE * head_dim), dtype, data=pages.data, elem_offset=pages_offset
        )
        for b in T.serial(batch):
            for kv_head in T.parallel(num_kv_heads):
                begin: T.let[T.int32] = indptr[b]
                last: T.let[T.int32] = indptr[b + 1] - begin
                length: T.let[T.int32] = T.max(last - 1, 0) * PAGE + last_page_len[b]
                # The oldest key that the window still sees, and its page.
                oldest: T.let[T.int32] = T.max(q_positions[b] - k_positions[b] - (reach - 1), 0)
                first: T.let[T.int32] = T.min(oldest // PAGE, last)
                scores = T.alloc_buffer((group, used_pages * PAGE), "float32")
                q32 = T.alloc_buffer((group, head_dim), "float32", scope="local")
                out32 = T.alloc_buffer((group, head_dim), "float32", scope="local")
                stats = T.alloc_buffer((2 * group,), "float32x16", scope="local")
                for r in T.serial(group):
                    for j in T.serial(vectors):
                        q32[r, lanes_of(j * PAGE, PAGE)] = to_f32(
                            q[b, kv_head * group + r, lanes_of(j * PAGE, PAGE)], PAGE
                        ) * splat(sm_scale * T.float32(LOG2_E), PAGE)
                for i in T.serial(last - first):
                    score_page(q32, flat, scores, table[begin + first + i], kv_head, first + i, first, length)
                for r in T.serial(group):
                    stats[0] = f32(MASKED, PAGE)
                    for j in T.serial(oldest - first * PAGE):
                        scores[r, j] = T.float32(MASKED)
                    for i in T.serial(last - first):
                        stats[0] = T.max(stats[0], scores[r, lanes_of(i * PAGE, PAGE)])
                    stats[0] = splat(reduce_fmax(stats[0]), PAGE)
                    stats[1] = f32(0.0, PAGE)
                    for i in T.serial(last - first):
                        scores[r, lanes_of(i * PAGE, PAGE)] = exp2(scores[r, lanes_of(i * PAGE, PAGE)] - stats[0], PAGE)
                        stats[1] = stats[1] + scores[r, lanes_of(i * PAGE, PAGE)]
                    lse[b, kv_head * group + r] = reduce_fmax(stats[0]) + T.log2(reduce_fadd(stats[1]))
                    q32[r, 0] = T.float32(1) / reduce_fadd(stats[1])
                for part in T.serial(vectors // chunk):
                    add_values(scores, flat, table, begin, out32, kv_head, first, last, part, length)
                for r in T.serial(group):
                    for j in T.serial(vectors):
                        out[b, kv_head * group + r, lanes_of(j * PAGE, PAGE)] = T.Cast(
                            f"{dtype}x{PAGE}", out32[r, lanes_of(j * PAGE, PAGE)] * splat(q32[r, 0], PAGE)
                        )

    return attend
