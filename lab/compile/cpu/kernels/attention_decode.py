"""Decode attention over the paged KV cache: one new token, every key and value read once.

For each page of 16 tokens: head_dim fused multiply-adds give the 16 scores side by side (keys are stored
transposed), and 16 * head_dim / 16 more add the values. Bytes: 4 * head_dim a token and KV head in float16, so it is
bound by memory: 25 GB/s keeps up with one multiply-add and one conversion for each 32 bytes. A head's part of a page is
some 3 KiB, too short for the processor to see where it goes on. So pages are what is shared out: a piece of work goes
through some of them for all heads, whose parts lie side by side, and asks for lines two parts ahead. Each piece has a
softmax of its own; at the end their sums meet, as those of `attention_merge` do.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from tvm.script import tirx as T

from lab.compile.cpu.isa import Isa
from lab.compile.cpu.kernels.dot import add_product, uses_fmlal
from lab.compile.tir.sizes import PAGE, divided, fitting, fitting_vector
from lab.compile.tir.vec import (
    LOG2_E,
    MASKED,
    Expr,
    cast,
    exp2,
    f32,
    fetch,
    lanes_of,
    of,
    reduce_fadd,
    reduce_fmax,
    scope_of,
    splat,
    to_f32,
)

PIECES = 8  # of work at most: their sums are written and read once more, 0.8 % of what 128 pages hold
PARTS_AHEAD = 2  # parts of one head in one page
PrimFunc = Any


def decode_attention(
    isa: Isa, num_heads: int, num_kv_heads: int, head_dim: int, dtype: str, window: int | None
) -> PrimFunc:
    """Return attention of one query a sequence over its pages, with the log2 of the softmax sum.

    Signature as the KV cache calls it. q, out: `dtype` [batch, heads, D]; lse: float32 [batch, heads]. A key
    is seen when its position is at most `window` - 1 before the query's.
    """
    group, width = divided(num_heads, num_kv_heads), fitting_vector(head_dim, PAGE)
    vectors = divided(head_dim, width)
    chains = fitting(head_dim, max(1, isa.score_sums // group))  # independent sums, to hide the latency of the add
    chunk = fitting(vectors, max(1, isa.value_sums // group))  # value vectors in flight
    reach = 2**30 if window is None else window
    heads = num_kv_heads
    fmlal = uses_fmlal(isa, dtype)
    line = 64 // np.dtype(dtype).itemsize  # elements

    def ahead(flat: Any, what: int, where: tuple[Any, ...], i: Expr, h: Expr, element: Expr) -> Expr:
        """Return an element of the part that comes PARTS_AHEAD parts after that of head h in page i."""
        table, begin, last = where
        page = table[begin + T.min(i + (h + PARTS_AHEAD) // heads, last - 1)]
        return flat[page, what, (h + PARTS_AHEAD) % heads, element]

    # fmlal takes the query as it came, so that products are exact, and the softmax's factor comes after the sum; the
    # softmax's weights it takes rounded to float16, as the result will be.
    def query(q: Any, work: Any, b: Expr, r: Expr, d: Expr) -> Expr:
        return q[b, r, d] if fmlal else work[r, d]

    def score(total: Expr, factor: Expr) -> Expr:
        return total * splat(factor, PAGE) if fmlal else total

    def weight(scores: Any, r: Expr, t: Expr) -> Expr:
        return T.Cast("float16", scores[r, t]) if fmlal and width == PAGE else scores[r, t]

    @T.inline
    def score_page(q, b, factor, work, flat, scores, table, begin, h, i, first, last, length):
        acc = T.alloc_buffer((group * chains,), "float32x16")
        for j in T.unroll(group * chains):
            acc[j] = f32(0.0, PAGE)
        for d in T.serial(divided(head_dim, chains)):
            for c in T.unroll((chains * PAGE + line - 1) // line):
                fetch(ahead(flat, 0, (table, begin, last), i, h, d * chains * PAGE + c * line))
            for c in T.unroll(chains):
                for r in T.unroll(group):
                    acc[c * group + r] = add_product(
                        isa,
                        dtype,
                        acc[c * group + r],
                        flat[table[begin + i], 0, h, lanes_of((d * chains + c) * PAGE, PAGE)],
                        query(q, work, b, h * group + r, d * chains + c),
                    )
        for c in T.serial(chains - 1):
            for r in T.unroll(group):
                acc[r] = acc[r] + acc[(c + 1) * group + r]
        for r in T.unroll(group):
            scores[h * group + r, lanes_of((i - first) * PAGE, PAGE)] = T.Select(
                lanes_of(i * PAGE, PAGE) < splat(length, PAGE), score(acc[r], factor), f32(MASKED, PAGE)
            )

    @T.inline
    def softmax(scores, peaks, totals, piece, row, first, last, oldest):
        """Turn a piece's row of scores into weights, and leave their greatest score and their sum."""
        stats = T.alloc_buffer((2,), "float32x16")
        stats[0] = f32(MASKED, PAGE)
        for j in T.serial(T.max(oldest - first * PAGE, 0)):
            scores[row, j] = T.float32(MASKED)
        for i in T.serial(last - first):
            stats[0] = T.max(stats[0], scores[row, lanes_of(i * PAGE, PAGE)])
        stats[0] = splat(reduce_fmax(stats[0]), PAGE)
        stats[1] = f32(0.0, PAGE)
        for i in T.serial(last - first):
            scores[row, lanes_of(i * PAGE, PAGE)] = exp2(scores[row, lanes_of(i * PAGE, PAGE)] - stats[0], PAGE)
            stats[1] = stats[1] + scores[row, lanes_of(i * PAGE, PAGE)]
        peaks[piece, row] = reduce_fmax(stats[0])
        totals[piece, row] = reduce_fadd(stats[1])

    @T.inline
    def add_values(scores, flat, table, begin, sums, piece, h, i, first, last, part, length):
        acc = T.alloc_buffer((group * chunk,), of("float32", width), scope=scope_of(width))
        for c in T.unroll(chunk):
            for r in T.unroll(group):
                acc[c * group + r] = sums[piece, h * group + r, lanes_of((part * chunk + c) * width, width)]
        # Slots past the end may hold anything, not-a-number included: never read them.
        for t in T.serial(T.min(PAGE, length - i * PAGE)):
            for c in T.unroll((chunk * width + line - 1) // line):
                fetch(ahead(flat, 1, (table, begin, last), i, h, t * head_dim + part * chunk * width + c * line))
            for c in T.unroll(chunk):
                for r in T.unroll(group):
                    acc[c * group + r] = add_product(
                        isa,
                        dtype,
                        acc[c * group + r],
                        flat[
                            table[begin + i],
                            1,
                            h,
                            lanes_of(t * head_dim + (part * chunk + c) * width, width),
                        ],
                        weight(scores, h * group + r, (i - first) * PAGE + t),
                        width,
                    )
        for c in T.unroll(chunk):
            for r in T.unroll(group):
                sums[piece, h * group + r, lanes_of((part * chunk + c) * width, width)] = acc[c * group + r]

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
            begin: T.let[T.int32] = indptr[b]
            last: T.let[T.int32] = indptr[b + 1] - begin
            length: T.let[T.int32] = T.max(last - 1, 0) * PAGE + last_page_len[b]
            # The oldest key that the window still sees, and its page.
            oldest: T.let[T.int32] = T.max(q_positions[b] - k_positions[b] - (reach - 1), 0)
            first: T.let[T.int32] = T.min(oldest // PAGE, last)
            share: T.let[T.int32] = T.max((last - first + PIECES - 1) // PIECES, 1)  # pages of a piece
            pieces: T.let[T.int32] = (last - first + share - 1) // share
            sums = T.alloc_buffer((PIECES, num_heads, head_dim), "float32", scope="local")
            peaks = T.alloc_buffer((PIECES, num_heads), "float32", scope="local")
            totals = T.alloc_buffer((PIECES, num_heads), "float32", scope="local")
            for piece in T.parallel(pieces):
                start: T.let[T.int32] = first + piece * share
                stop: T.let[T.int32] = T.min(start + share, last)
                scores = T.alloc_buffer((num_heads, share * PAGE), "float32", scope="local")
                work = T.alloc_buffer((num_heads, head_dim), "float32", scope="local")  # the queries
                for r in T.serial(num_heads):
                    for j in T.serial(vectors):
                        work[r, lanes_of(j * width, width)] = to_f32(
                            q[b, r, lanes_of(j * width, width)], width
                        ) * splat(sm_scale * T.float32(LOG2_E), width)
                        sums[piece, r, lanes_of(j * width, width)] = f32(0.0, width)
                for i in T.serial(stop - start):
                    for h in T.serial(heads):
                        score_page(
                            q,
                            b,
                            sm_scale * T.float32(LOG2_E),
                            work,
                            flat,
                            scores,
                            table,
                            begin,
                            h,
                            start + i,
                            start,
                            stop,
                            length,
                        )
                for r in T.serial(num_heads):
                    softmax(scores, peaks, totals, piece, r, start, stop, oldest)
                for i in T.serial(stop - start):
                    for h in T.serial(heads):
                        for part in T.serial(divided(vectors, chunk)):
                            add_values(scores, flat, table, begin, sums, piece, h, start + i, start, stop, part, length)
            for r in T.parallel(num_heads):
                merged = T.alloc_buffer((3,), "float32")
                merged[0] = T.float32(MASKED)
                for piece in T.serial(pieces):
                    merged[0] = T.max(merged[0], peaks[piece, r])
                merged[1] = T.float32(0)
                for piece in T.serial(pieces):
                    peaks[piece, r] = T.exp2(peaks[piece, r] - merged[0])
                    merged[1] = merged[1] + peaks[piece, r] * totals[piece, r]
                lse[b, r] = merged[0] + T.log2(merged[1])
                merged[2] = T.float32(1) / merged[1]
                for j in T.serial(vectors):
                    total = T.alloc_buffer((1,), of("float32", width), scope=scope_of(width))
                    total[0] = f32(0.0, width)
                    for piece in T.serial(pieces):
                        total[0] = total[0] + sums[piece, r, lanes_of(j * width, width)] * splat(peaks[piece, r], width)
                    out[b, r, lanes_of(j * width, width)] = cast(dtype, total[0] * splat(merged[2], width), width)

    return attend
