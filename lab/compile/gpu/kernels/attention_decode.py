"""Decode attention over the paged KV cache on a GPU: one launch, a workgroup for each head of keys and values.

Within a workgroup keys are split over the threads. For a chunk of keys at a time: scores, a vector of keys a thread;
the greatest of all; weights, handed on through shared memory; then each slice of threads adds the values of its own
pages, a vector of the head a thread, to sums that it rescales when the greatest score grows. The sums are added at the
end. All query heads of a group share each key and value read, so every byte of the cache is read once: it is bound by
memory. Barriers: five a chunk, none inside the loops over a page.

With a sparse pattern, chunks of far pages come first: there each query head has keys and values of its own.
"""

from __future__ import annotations

from typing import Any

from tvm.script import tirx as T

from lab.compile.gpu import Gpu
from lab.compile.gpu.kernels.decode_sizes import split_for
from lab.compile.tir.sizes import PAGE
from lab.compile.tir.sparse import far_most, far_page, log2_scale, near_blocks, near_from
from lab.compile.tir.vec import MASKED, Expr, cast, f32, lanes_of, of, splat, to_f32
from lab.models.sparse import SparsePattern

PrimFunc = Any


def decode_attention(
    gpu: Gpu,
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
    split = split_for(gpu, num_heads, num_kv_heads, head_dim)
    group, lanes, vectors, threads = split.group, split.lanes, split.vectors, split.threads
    across, slices, fan, width = split.across, split.slices, split.fan, split.width
    pages_of_chunk = split.chunk // PAGE
    reach = 2**30 if window is None else window
    vector = f"float32x{lanes}"
    pattern: Any = sparse  # of the steps that are there only with one

    def oldest_key(position: Expr, scale: Expr) -> Expr:
        """Return the first key that is seen of those near by."""
        if sparse is None:
            return T.max(position - (reach - 1), 0)
        return near_from(sparse, position, near_blocks(sparse, scale))

    @T.inline
    def score(keys, place, queries, mine, flat, head, at, oldest, length, factor):
        """Scores of the keys from `at` on for each query head of the group; what is not to be seen is masked."""
        now = T.alloc_buffer((1,), vector, scope="local")
        element = T.alloc_buffer((1,), "float32", scope="local")
        for g in T.unroll(group):
            mine[g] = f32(0.0, lanes)
        for d in T.serial(head_dim):
            now[0] = to_f32(keys[place, 0, head, lanes_of(d * PAGE + at % PAGE, lanes)], lanes)
            for g in T.unroll(group):
                element[0] = queries[g * head_dim + d]
                mine[g] = mine[g] + now[0] * splat(element[0], lanes)
        element[0] = factor
        for g in T.unroll(group):
            mine[g] = mine[g] * splat(element[0], lanes)
        if at < oldest or at + lanes > length:
            for g in T.unroll(group):
                flat[lanes_of(0, lanes)] = mine[g]
                for j in T.serial(lanes):
                    if at + j < oldest or at + j >= length:
                        flat[j] = T.float32(MASKED)
                mine[g] = flat[lanes_of(0, lanes)]

    @T.inline
    def score_far(keys, table, begin, queries, mine, head, slot, page, first, factor):
        """The same of far pages: each query head has a page of its own at `slot`, or none, and that is masked."""
        now = T.alloc_buffer((1,), vector, scope="local")
        element = T.alloc_buffer((1,), "float32", scope="local")
        place = T.alloc_buffer((group,), "int32", scope="local")
        for g in T.unroll(group):
            mine[g] = f32(0.0, lanes)
            place[g] = table[begin + T.min(far_page(pattern, head * group + g, page), first - 1)]
        for d in T.serial(head_dim):
            for g in T.unroll(group):
                now[0] = to_f32(keys[place[g], 0, head, lanes_of(d * PAGE + slot % PAGE, lanes)], lanes)
                element[0] = queries[g * head_dim + d]
                mine[g] = mine[g] + now[0] * splat(element[0], lanes)
        element[0] = factor
        for g in T.unroll(group):
            if far_page(pattern, head * group + g, page) < first:
                mine[g] = mine[g] * splat(element[0], lanes)
            else:
                mine[g] = f32(MASKED, lanes)

    @T.inline
    def add_values(pages, place, scores, now, acc, flat, head, slot, part, count):
        """Add the values of a page, `count` of them, for all query heads of the group."""
        for t in T.serial(count):
            for c in T.unroll(vectors):
                now[c] = to_f32(pages[place, 1, head, lanes_of(t * head_dim + part + c * width, width)], width)
            for g in T.unroll(group):
                flat[0] = scores[g, slot + t]
                for c in T.unroll(vectors):
                    acc[g * vectors + c] = acc[g * vectors + c] + now[c] * splat(flat[0], width)

    @T.inline
    def add_far(pages, table, begin, scores, now, acc, flat, head, page, first, slot, part):
        """Add the values of each query head's own far page."""
        for g in T.unroll(group):
            if far_page(pattern, head * group + g, page) < first:
                place: T.let[T.int32] = table[begin + far_page(pattern, head * group + g, page)]
                for t in T.serial(PAGE):
                    flat[0] = scores[g, slot + t]
                    for c in T.unroll(vectors):
                        now[c] = to_f32(pages[place, 1, head, lanes_of(t * head_dim + part + c * width, width)], width)
                        acc[g * vectors + c] = acc[g * vectors + c] + now[c] * splat(flat[0], width)

    @T.inline
    def rescale(fewer, top, scale, total, acc):
        """Take the greatest scores of a chunk into account."""
        for g in T.unroll(group):
            scale[g] = top[g]
            for j in T.serial(fan):
                top[g] = T.max(top[g], fewer[g * fan + j])
            scale[g] = T.exp2(scale[g] - top[g])
            total[g] = total[g] * splat(scale[g], lanes)
            for c in T.unroll(vectors):
                acc[g * vectors + c] = acc[g * vectors + c] * splat(scale[g], width)

    @T.inline
    def weigh(scores, mine, top, total, thread):
        """Turn a thread's scores into weights, and hand them on."""
        for g in T.unroll(group):
            mine[g] = T.exp2(mine[g] - splat(top[g], lanes))
            scores[g, lanes_of(thread * lanes, lanes)] = mine[g]
            total[g] = total[g] + mine[g]

    @T.inline
    def spread(partial, fewer, thread, mine, flat, is_max):
        """Reduce the vectors mine[g] of all threads, into `fewer`: `fan` values a head, after two barriers."""
        for g in T.unroll(group):
            flat[lanes_of(0, lanes)] = mine[g]
            for j in T.unroll(lanes - 1):
                flat[0] = _reduced(is_max, flat[0], flat[j + 1])
            partial[g * threads + thread] = flat[0]
        T.tvm_storage_sync("shared")
        if thread < group * fan:
            flat[0] = partial[thread // fan * threads + thread % fan]
            for j in T.serial((threads - 1 - thread % fan) // fan):
                flat[0] = _reduced(is_max, flat[0], partial[thread // fan * threads + thread % fan + (j + 1) * fan])
            fewer[thread] = flat[0]
        T.tvm_storage_sync("shared")

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
        indptr_offset = T.int32()
        table_offset = T.int32()
        length_offset = T.int32()
        k_offset = T.int32()
        q_offset = T.int32()
        q = T.match_buffer(q_handle, (batch, num_heads, head_dim), dtype)
        whole = T.match_buffer(pages_handle, (num_pages, 2, num_kv_heads, PAGE, head_dim), dtype)
        indptr = T.match_buffer(indptr_handle, (batch + 1,), "int32", elem_offset=indptr_offset)
        table = T.match_buffer(table_handle, (used_pages,), "int32", elem_offset=table_offset)
        last_page_len = T.match_buffer(length_handle, (batch,), "int32", elem_offset=length_offset)
        k_positions = T.match_buffer(k_offset_handle, (batch,), "int32", elem_offset=k_offset)
        q_positions = T.match_buffer(q_position_handle, (batch,), "int32", elem_offset=q_offset)
        out = T.match_buffer(out_handle, (batch, num_heads, head_dim), dtype)
        lse = T.match_buffer(lse_handle, (batch, num_heads), "float32")
        pages = T.decl_buffer((num_pages, 2, num_kv_heads, PAGE * head_dim), dtype, data=whole.data)
        for b in T.thread_binding(batch, thread="blockIdx.y"):
            for head in T.thread_binding(num_kv_heads, thread="blockIdx.x"):
                for thread in T.thread_binding(threads, thread="threadIdx.x"):
                    scores = T.alloc_buffer((group, split.chunk), "float32", scope="shared")
                    queries = T.alloc_buffer((group * head_dim,), "float32", scope="shared")
                    partial = T.alloc_buffer((group * threads,), "float32", scope="shared")
                    fewer = T.alloc_buffer((group * fan,), "float32", scope="shared")
                    sums = T.alloc_buffer((threads * width,), "float32", scope="shared")
                    acc = T.alloc_buffer((group * vectors,), of("float32", width), scope="local")
                    total = T.alloc_buffer((group,), vector, scope="local")
                    mine = T.alloc_buffer((group,), vector, scope="local")
                    flat = T.alloc_buffer((lanes,), "float32", scope="local")
                    now = T.alloc_buffer((vectors,), of("float32", width), scope="local")
                    top = T.alloc_buffer((group,), "float32", scope="local")
                    scale = T.alloc_buffer((group,), "float32", scope="local")
                    begin: T.let[T.int32] = indptr[b]
                    last: T.let[T.int32] = indptr[b + 1] - begin
                    length: T.let[T.int32] = T.max(last - 1, 0) * PAGE + last_page_len[b]
                    # The oldest key that the window still sees, and its page.
                    oldest: T.let[T.int32] = oldest_key(q_positions[b] - k_positions[b], sm_scale)
                    start: T.let[T.int32] = T.min(oldest // PAGE, last)
                    slice: T.let[T.int32] = thread // across
                    part: T.let[T.int32] = thread % across * vectors * width
                    for i in T.serial((group * head_dim + (threads - 1)) // threads):
                        if i * threads + thread < group * head_dim:
                            queries[i * threads + thread] = T.Cast(
                                "float32",
                                q[
                                    b,
                                    head * group + (i * threads + thread) // head_dim,
                                    (i * threads + thread) % head_dim,
                                ],
                            )
                    for g in T.unroll(group):
                        top[g] = T.float32(MASKED)
                        total[g] = f32(0.0, lanes)
                        for c in T.unroll(vectors):
                            acc[g * vectors + c] = f32(0.0, width)
                    if sparse is not None:
                        for chunk in T.serial((far_most(pattern, start) + (pages_of_chunk - 1)) // pages_of_chunk):
                            before: T.let[T.int32] = chunk * pages_of_chunk
                            after: T.let[T.int32] = T.min(before + pages_of_chunk, far_most(pattern, start))
                            T.tvm_storage_sync("shared")
                            slot: T.let[T.int32] = before * PAGE + thread * lanes
                            for g in T.unroll(group):
                                mine[g] = f32(MASKED, lanes)
                            if slot < after * PAGE:
                                score_far(
                                    pages,
                                    table,
                                    begin,
                                    queries,
                                    mine,
                                    head,
                                    slot,
                                    slot // PAGE,
                                    start,
                                    log2_scale(sparse, sm_scale),
                                )
                            spread(partial, fewer, thread, mine, flat, True)
                            rescale(fewer, top, scale, total, acc)
                            if slot < after * PAGE:
                                weigh(scores, mine, top, total, thread)
                            T.tvm_storage_sync("shared")
                            if slice < slices:
                                for i in T.serial((after - before - slice + (slices - 1)) // slices):
                                    add_far(
                                        pages,
                                        table,
                                        begin,
                                        scores,
                                        now,
                                        acc,
                                        flat,
                                        head,
                                        before + slice + i * slices,
                                        start,
                                        (slice + i * slices) * PAGE,
                                        part,
                                    )
                    for chunk in T.serial((last - start + (pages_of_chunk - 1)) // pages_of_chunk):
                        first: T.let[T.int32] = start + chunk * pages_of_chunk
                        stop: T.let[T.int32] = T.min(first + pages_of_chunk, last)
                        T.tvm_storage_sync("shared")
                        at: T.let[T.int32] = first * PAGE + thread * lanes
                        for g in T.unroll(group):
                            mine[g] = f32(MASKED, lanes)
                        if at < stop * PAGE:
                            score(
                                pages,
                                table[begin + at // PAGE],
                                queries,
                                mine,
                                flat,
                                head,
                                at,
                                oldest,
                                length,
                                log2_scale(sparse, sm_scale),
                            )
                        spread(partial, fewer, thread, mine, flat, True)
                        rescale(fewer, top, scale, total, acc)
                        if at < stop * PAGE:
                            weigh(scores, mine, top, total, thread)
                        T.tvm_storage_sync("shared")
                        if slice < slices:
                            for i in T.serial((stop - first - slice + (slices - 1)) // slices):
                                page: T.let[T.int32] = first + slice + i * slices
                                place: T.let[T.int32] = table[begin + page]
                                # Slots past the end may hold anything, not-a-number included: never read them.
                                add_values(
                                    pages,
                                    place,
                                    scores,
                                    now,
                                    acc,
                                    flat,
                                    head,
                                    (page - first) * PAGE,
                                    part,
                                    T.min(PAGE, length - page * PAGE),
                                )
                    spread(partial, fewer, thread, total, flat, False)
                    for g in T.unroll(group):
                        scale[g] = T.float32(0)
                        for j in T.serial(fan):
                            scale[g] = scale[g] + fewer[g * fan + j]
                        if thread == 0:
                            lse[b, head * group + g] = top[g] + T.log2(scale[g])
                        scale[g] = T.float32(1) / scale[g]
                        for c in T.unroll(vectors):
                            sums[lanes_of(thread * width, width)] = acc[g * vectors + c]
                            T.tvm_storage_sync("shared")
                            if thread < across:
                                for s in T.serial(slices - 1):
                                    acc[g * vectors + c] = (
                                        acc[g * vectors + c]
                                        + sums[lanes_of(((s + 1) * across + thread) * width, width)]
                                    )
                                out[b, head * group + g, lanes_of(part + c * width, width)] = cast(
                                    dtype, acc[g * vectors + c] * splat(scale[g], width), width
                                )
                            T.tvm_storage_sync("shared")

    return attend


def _reduced(is_max: bool, a: Any, b: Any) -> Any:
    return T.max(a, b) if is_max else a + b
