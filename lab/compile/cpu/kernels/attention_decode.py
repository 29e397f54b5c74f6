"""Decode attention over the paged KV cache: one new token, every key and value read once.

For each page of 16 tokens: head_dim fused multiply-adds give the 16 scores side by side (keys are stored
transposed), and 16 * head_dim / 16 more add the values. Bytes: 4 * head_dim a token and KV head in float16, so it is
bound by memory: 25 GB/s keeps up with one multiply-add and one conversion for each 32 bytes. A head's part of a page is
some 3 KiB, too short for the processor to see where it goes on. So pages are what is shared out: a piece of work goes
through some of them for all heads, whose parts lie side by side, and asks for lines two parts ahead. Each piece has a
softmax of its own; at the end their sums meet, as those of `attention_merge` do.

With a sparse pattern, a piece has near pages, which it goes through so, and far ones: of those each query head has its
own, as many as the others, and they are shared out evenly too. Where two heads of a group keep the same page, the
second finds it in the cache.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from tvm.script import tirx as T

from lab.compile.cpu.isa import Isa
from lab.compile.cpu.kernels.dot import add_product, uses_fmlal
from lab.compile.tir.sizes import PAGE, divided, fitting, fitting_vector
from lab.compile.tir.sparse import far_most, far_page, log2_scale, near_blocks, near_from
from lab.compile.tir.vec import (
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
from lab.models.sparse import SparsePattern

PIECES = 8  # of work at most: their sums are written and read once more, 0.8 % of what 128 pages hold
PARTS_AHEAD = 2  # parts of one head in one page
PrimFunc = Any


def turns(group: int, most: int) -> tuple[int, int, int]:
    """Return of how many query heads, `most` or fewer, a group takes how many turns, and how many are left over."""
    size = -(-group // -(-group // most))
    return size, group // size, group % size


def decode_attention(
    isa: Isa,
    num_heads: int,
    num_kv_heads: int,
    head_dim: int,
    dtype: str,
    window: int | None,
    sparse: SparsePattern | None = None,
) -> PrimFunc:
    """Return attention of one query a sequence over its pages, with the log2 of the softmax sum.

    Signature as the KV cache calls it. q, out: `dtype` [batch, heads, D]; lse: float32 [batch, heads]. A key
    is seen when its position is at most `window` - 1 before the query's, and where the sparse pattern keeps it.
    """
    group, width = divided(num_heads, num_kv_heads), fitting_vector(head_dim, PAGE)
    vectors = divided(head_dim, width)
    # A group that is too wide for the registers takes turns: what it reads again lies in the first cache.
    scored, score_turns, score_rest = turns(group, isa.score_sums)
    summed, value_turns, value_rest = turns(group, isa.value_sums)
    chains = fitting(head_dim, max(1, isa.score_sums // scored))  # independent sums, to hide the latency of the add
    chunk = fitting(vectors, max(1, isa.value_sums // summed))  # value vectors in flight
    reach = 2**30 if window is None else window
    heads = num_kv_heads
    pattern: Any = sparse  # of the steps that are there only with one
    far_chains = fitting(head_dim, isa.score_sums)
    far_chunk = fitting(vectors, isa.value_sums)
    fmlal = uses_fmlal(isa, dtype)
    line = 64 // np.dtype(dtype).itemsize  # elements

    def ahead(flat: Any, what: int, where: tuple[Any, ...], i: Expr, h: Expr, element: Expr) -> Expr:
        """Return an element of the part that comes PARTS_AHEAD parts after that of head h in page i."""
        table, begin, last = where
        page = table[begin + T.min(i + (h + PARTS_AHEAD) // heads, last - 1)]
        return flat[page, what, (h + PARTS_AHEAD) % heads, element]

    def oldest_key(position: Expr, scale: Expr) -> Expr:
        """Return the first key that is seen of those near by."""
        if sparse is None:
            return T.max(position - (reach - 1), 0)
        return near_from(sparse, position, near_blocks(sparse, scale))

    # Of the far pages before page `first`: how many each head has, at most; of a piece; of this piece.
    def far_all(first: Expr) -> Expr:
        return far_most(sparse, first) if sparse else 0

    def far_share(first: Expr) -> Expr:
        return (far_all(first) + PIECES - 1) // PIECES

    def far_count(piece: Expr, first: Expr) -> Expr:
        return T.max(T.min(far_all(first) - piece * far_share(first), far_share(first)), 0) if sparse else 0

    def pieces_of(near: Expr, first: Expr) -> Expr:
        """Return how many pieces there are, where there are so many with near pages."""
        far = (far_all(first) + far_share(first) - 1) // T.max(far_share(first), 1) if sparse else 0
        return T.max(near, far) if sparse else near

    def start_of(page: Expr, last: Expr) -> Expr:
        return T.min(page, last) if sparse else page

    def unseen(keys: Expr) -> Expr:
        """Return how many keys of a piece are not seen: none of a pattern, whose pages are seen whole."""
        return 0 if sparse else T.max(keys, 0)

    def far_row(n: Expr) -> Expr:
        """Return the query head that comes n-th among far pages: those of one block follow each other."""
        if pattern.head_step != 1 or num_heads % pattern.stride:
            return n
        share = num_heads // pattern.stride
        return n % share * pattern.stride + (pattern.stride - 1 - n // share)

    def far_ahead(flat: Any, what: int, table: Any, begin: Expr, i: Expr, n: Expr, first: Expr, at: Expr) -> Expr:
        """Return an element of the part of a far page that is PARTS_AHEAD after the n-th of the i-th pages."""
        row = far_row((n + PARTS_AHEAD) % num_heads)
        page = far_page(pattern, row, i + (n + PARTS_AHEAD) // num_heads)
        return flat[table[begin + T.min(page, first - 1)], what, row // group, at]

    # fmlal takes the query as it came, so that products are exact, and the softmax's factor comes after the sum; the
    # softmax's weights it takes rounded to float16, as the result will be.
    def query(q: Any, work: Any, b: Expr, r: Expr, d: Expr) -> Expr:
        return q[b, r, d] if fmlal else work[r, d]

    def score(total: Expr, factor: Expr) -> Expr:
        return total * splat(factor, PAGE) if fmlal else total

    def weight(scores: Any, r: Expr, t: Expr) -> Expr:
        return T.Cast("float16", scores[r, t]) if fmlal and width == PAGE else scores[r, t]

    @T.inline
    def score_some(q, b, factor, work, flat, scores, table, begin, h, i, first, last, length, row, count):
        """Score a page for `count` query heads from `row` on."""
        acc = T.alloc_buffer((count * chains,), "float32x16")
        for j in T.unroll(count * chains):
            acc[j] = f32(0.0, PAGE)
        for d in T.serial(divided(head_dim, chains)):
            for c in T.unroll((chains * PAGE + line - 1) // line):
                fetch(ahead(flat, 0, (table, begin, last), i, h, d * chains * PAGE + c * line))
            for c in T.unroll(chains):
                for r in T.unroll(count):
                    acc[c * count + r] = add_product(
                        isa,
                        dtype,
                        acc[c * count + r],
                        flat[table[begin + i], 0, h, lanes_of((d * chains + c) * PAGE, PAGE)],
                        query(q, work, b, row + r, d * chains + c),
                    )
        for c in T.serial(chains - 1):
            for r in T.unroll(count):
                acc[r] = acc[r] + acc[(c + 1) * count + r]
        for r in T.unroll(count):
            scores[row + r, lanes_of((i - first) * PAGE, PAGE)] = T.Select(
                lanes_of(i * PAGE, PAGE) < splat(length, PAGE), score(acc[r], factor), f32(MASKED, PAGE)
            )

    @T.inline
    def score_page(q, b, factor, work, flat, scores, table, begin, h, i, first, last, length):
        if score_turns == 1:
            score_some(q, b, factor, work, flat, scores, table, begin, h, i, first, last, length, h * group, scored)
        else:
            for s in T.serial(score_turns):
                row: T.let[T.int32] = h * group + s * scored
                score_some(q, b, factor, work, flat, scores, table, begin, h, i, first, last, length, row, scored)
        if score_rest > 0:
            left: T.let[T.int32] = (h + 1) * group - score_rest
            score_some(q, b, factor, work, flat, scores, table, begin, h, i, first, last, length, left, score_rest)

    @T.inline
    def softmax(scores, peaks, totals, piece, row, count, unseen):
        """Turn a piece's row of scores into weights, and leave their greatest score and their sum.

        The first `unseen` of the keys are masked.
        """
        stats = T.alloc_buffer((2,), "float32x16")
        stats[0] = f32(MASKED, PAGE)
        for j in T.serial(unseen):
            scores[row, j] = T.float32(MASKED)
        for i in T.serial(count):
            stats[0] = T.max(stats[0], scores[row, lanes_of(i * PAGE, PAGE)])
        stats[0] = splat(reduce_fmax(stats[0]), PAGE)
        stats[1] = f32(0.0, PAGE)
        for i in T.serial(count):
            scores[row, lanes_of(i * PAGE, PAGE)] = exp2(scores[row, lanes_of(i * PAGE, PAGE)] - stats[0], PAGE)
            stats[1] = stats[1] + scores[row, lanes_of(i * PAGE, PAGE)]
        peaks[piece, row] = reduce_fmax(stats[0])
        totals[piece, row] = reduce_fadd(stats[1])

    @T.inline
    def add_some(scores, flat, table, begin, sums, piece, h, i, first, last, part, length, row, count):
        """Add the values of a page for `count` query heads from `row` on."""
        acc = T.alloc_buffer((count * chunk,), of("float32", width), scope=scope_of(width))
        for c in T.unroll(chunk):
            for r in T.unroll(count):
                acc[c * count + r] = sums[piece, row + r, lanes_of((part * chunk + c) * width, width)]
        # Slots past the end may hold anything, not-a-number included: never read them.
        for t in T.serial(T.min(PAGE, length - i * PAGE)):
            for c in T.unroll((chunk * width + line - 1) // line):
                fetch(ahead(flat, 1, (table, begin, last), i, h, t * head_dim + part * chunk * width + c * line))
            for c in T.unroll(chunk):
                for r in T.unroll(count):
                    acc[c * count + r] = add_product(
                        isa,
                        dtype,
                        acc[c * count + r],
                        flat[
                            table[begin + i],
                            1,
                            h,
                            lanes_of(t * head_dim + (part * chunk + c) * width, width),
                        ],
                        weight(scores, row + r, (i - first) * PAGE + t),
                        width,
                    )
        for c in T.unroll(chunk):
            for r in T.unroll(count):
                sums[piece, row + r, lanes_of((part * chunk + c) * width, width)] = acc[c * count + r]

    @T.inline
    def add_values(scores, flat, table, begin, sums, piece, h, i, first, last, part, length):
        if value_turns == 1:
            add_some(scores, flat, table, begin, sums, piece, h, i, first, last, part, length, h * group, summed)
        else:
            for s in T.serial(value_turns):
                row: T.let[T.int32] = h * group + s * summed
                add_some(scores, flat, table, begin, sums, piece, h, i, first, last, part, length, row, summed)
        if value_rest > 0:
            left: T.let[T.int32] = (h + 1) * group - value_rest
            add_some(scores, flat, table, begin, sums, piece, h, i, first, last, part, length, left, value_rest)

    @T.inline
    def score_far(q, b, factor, work, flat, scores, table, begin, n, i, slot, first):
        """Score the i-th far page of the query head that comes n-th; where it has none, the scores are masked."""
        row: T.let[T.int32] = far_row(n)
        page: T.let[T.int32] = far_page(pattern, row, i)
        if page < first:
            acc = T.alloc_buffer((far_chains,), "float32x16")
            for j in T.unroll(far_chains):
                acc[j] = f32(0.0, PAGE)
            for d in T.serial(divided(head_dim, far_chains)):
                for c in T.unroll((far_chains * PAGE + line - 1) // line):
                    fetch(far_ahead(flat, 0, table, begin, i, n, first, d * far_chains * PAGE + c * line))
                for c in T.unroll(far_chains):
                    acc[c] = add_product(
                        isa,
                        dtype,
                        acc[c],
                        flat[table[begin + page], 0, row // group, lanes_of((d * far_chains + c) * PAGE, PAGE)],
                        query(q, work, b, row, d * far_chains + c),
                    )
            for c in T.serial(far_chains - 1):
                acc[0] = acc[0] + acc[c + 1]
            scores[row, lanes_of(slot * PAGE, PAGE)] = score(acc[0], factor)
        else:
            scores[row, lanes_of(slot * PAGE, PAGE)] = f32(MASKED, PAGE)

    @T.inline
    def add_far(scores, flat, table, begin, sums, piece, n, i, slot, first, part):
        row: T.let[T.int32] = far_row(n)
        page: T.let[T.int32] = far_page(pattern, row, i)
        if page < first:
            acc = T.alloc_buffer((far_chunk,), of("float32", width), scope=scope_of(width))
            for c in T.unroll(far_chunk):
                acc[c] = sums[piece, row, lanes_of((part * far_chunk + c) * width, width)]
            for t in T.serial(PAGE):
                for c in T.unroll((far_chunk * width + line - 1) // line):
                    at: T.let[T.int32] = t * head_dim + part * far_chunk * width + c * line
                    fetch(far_ahead(flat, 1, table, begin, i, n, first, at))
                for c in T.unroll(far_chunk):
                    acc[c] = add_product(
                        isa,
                        dtype,
                        acc[c],
                        flat[
                            table[begin + page],
                            1,
                            row // group,
                            lanes_of(t * head_dim + (part * far_chunk + c) * width, width),
                        ],
                        weight(scores, row, slot * PAGE + t),
                        width,
                    )
            for c in T.unroll(far_chunk):
                sums[piece, row, lanes_of((part * far_chunk + c) * width, width)] = acc[c]

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
            # The oldest key that is seen of those near by, and its page.
            oldest: T.let[T.int32] = oldest_key(q_positions[b] - k_positions[b], sm_scale)
            first: T.let[T.int32] = T.min(oldest // PAGE, last)
            share: T.let[T.int32] = T.max((last - first + PIECES - 1) // PIECES, 1)  # pages of a piece
            pieces: T.let[T.int32] = pieces_of((last - first + share - 1) // share, first)
            sums = T.alloc_buffer((PIECES, num_heads, head_dim), "float32", scope="local")
            peaks = T.alloc_buffer((PIECES, num_heads), "float32", scope="local")
            totals = T.alloc_buffer((PIECES, num_heads), "float32", scope="local")
            for piece in T.parallel(pieces):
                start: T.let[T.int32] = start_of(first + piece * share, last)
                stop: T.let[T.int32] = T.min(start + share, last)
                scores = T.alloc_buffer((num_heads, (share + far_share(first)) * PAGE), "float32", scope="local")
                work = T.alloc_buffer((num_heads, head_dim), "float32", scope="local")  # the queries
                for r in T.serial(num_heads):
                    for j in T.serial(vectors):
                        work[r, lanes_of(j * width, width)] = to_f32(
                            q[b, r, lanes_of(j * width, width)], width
                        ) * splat(log2_scale(sparse, sm_scale), width)
                        sums[piece, r, lanes_of(j * width, width)] = f32(0.0, width)
                for i in T.serial(stop - start):
                    for h in T.serial(heads):
                        score_page(
                            q,
                            b,
                            log2_scale(sparse, sm_scale),
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
                if sparse is not None:
                    for i in T.serial(far_count(piece, first)):
                        for n in T.serial(num_heads):
                            score_far(
                                q,
                                b,
                                log2_scale(sparse, sm_scale),
                                work,
                                flat,
                                scores,
                                table,
                                begin,
                                n,
                                piece * far_share(first) + i,
                                stop - start + i,
                                first,
                            )
                for r in T.serial(num_heads):
                    softmax(
                        scores,
                        peaks,
                        totals,
                        piece,
                        r,
                        stop - start + far_count(piece, first),
                        unseen(oldest - start * PAGE),
                    )
                for i in T.serial(stop - start):
                    for h in T.serial(heads):
                        for part in T.serial(divided(vectors, chunk)):
                            add_values(scores, flat, table, begin, sums, piece, h, start + i, start, stop, part, length)
                if sparse is not None:
                    for i in T.serial(far_count(piece, first)):
                        for n in T.serial(num_heads):
                            for part in T.serial(divided(vectors, far_chunk)):
                                add_far(
                                    scores,
                                    flat,
                                    table,
                                    begin,
                                    sums,
                                    piece,
                                    n,
                                    piece * far_share(first) + i,
                                    stop - start + i,
                                    first,
                                    part,
                                )
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
