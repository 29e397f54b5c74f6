"""One tile of queries against tiles of keys and values: the part that both prefill kernels share.

A workgroup takes `rows` queries of one head and goes through the keys, `keys` at a time, with an online softmax.
For the scores a thread holds a vector of queries and some keys, so that the softmax goes lane by lane and never across
a vector; their greatest goes to the other threads through shared memory, and the weights as well. For the values a
thread holds `OUT_ROWS` queries and some vectors of the head. Per 16 multiply-adds of a lane that is at most 5 loads, so
it is bound by the multiply-add. Barriers: two a tile, two more where tiles are copied to shared memory, none inside the
loops over the head or the keys.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from tvm.script import tirx as T

from lab.compile.gpu.kernels.tile_sizes import OUT_ROWS, PAD, Tile
from lab.compile.tir.sizes import PAGE, divided
from lab.compile.tir.sparse import ALL_KEYS, far_page, far_pages, is_kept, near_from
from lab.compile.tir.vec import MASKED, Expr, cast, f32, lanes_of, of, splat, to_f32
from lab.models.sparse import SparsePattern


@dataclass(frozen=True)
class Source:
    """Where keys and values lie in a flat array: element d of key t is at key(place, t) + d * key_stride.

    The elements of value t follow each other from value(place, t) * head_dim on; `place` is handed through.
    """

    key: Callable[[Any, Expr], Expr]
    key_stride: int
    value: Callable[[Any, Expr], Expr]


@dataclass(frozen=True)
class Window:
    """The keys `begin` to `end`, of which a query sees those at most `reach` - 1 before it."""

    begin: Expr
    end: Expr
    reach: int

    def tiles(self, keys: int) -> Expr:
        """Return how many tiles of keys there are."""
        return (self.end - self.begin + (keys - 1)) // keys

    def first(self, i: Expr, keys: int) -> Expr:
        """Return the first key of a tile."""
        return self.begin + i * keys

    def below(self, _limit: Any, position: Expr) -> Expr:
        """Return the greatest key that a query at `position` no longer sees."""
        return position - self.reach


class Bound(IntEnum):
    """What the array of a `Kept` holds, in keys where nothing else is said."""

    BEGIN = 0  # of the near keys
    END = 1
    FAR = 2  # tiles of keys far away
    SKIP = 3  # pages that are kept before the first key is counted
    BASE = 4  # pages before it
    START = 5  # keys below this one are none
    NEAREST = 6  # to queries before BORDER
    NEXT_NEAREST = 7  # to the others
    BORDER = 8
    FIRST = 9  # of this tile
    LAST = 10  # what comes after this tile


BOUNDS = len(Bound)


@dataclass(frozen=True)
class Kept:
    """The keys that a query head keeps, those far away first. Numbers that all steps need are in an array [BOUNDS]."""

    pattern: SparsePattern
    head: Expr
    bounds: Any

    def tiles(self, keys: int) -> Expr:
        """Return how many tiles of keys there are; none lies in two blocks of those far away."""
        near = self.bounds[Bound.END] - self.bounds[Bound.BEGIN]
        return self.bounds[Bound.FAR] + (near + (keys - 1)) // keys

    @property
    def end(self) -> Expr:
        """What comes after the last key that this tile may hold."""
        return self.bounds[Bound.LAST]

    def first(self, _i: Expr, _keys: int) -> Expr:
        """Return the first key of this tile."""
        return self.bounds[Bound.FIRST]

    def first_of(self, i: Expr, keys: int) -> Expr:
        """Return the first key of a tile."""
        far, kept = self.bounds[Bound.FAR], i * divided(keys, PAGE) + self.bounds[Bound.SKIP]
        page = far_page(self.pattern, self.head, kept) - self.bounds[Bound.BASE]
        return T.Select(i < far, page * PAGE, self.bounds[Bound.BEGIN] + (i - far) * keys)

    def last_of(self, i: Expr) -> Expr:
        """Return the key that comes after the last one that a tile may hold."""
        return T.Select(i < self.bounds[Bound.FAR], self.bounds[Bound.BEGIN], self.bounds[Bound.END])

    def limit(self, key: Expr) -> Expr:
        """Return the key below which a page that holds `key` may be hidden from a query: no key of a kept page is."""
        kept = is_kept(self.pattern, self.head, key // PAGE + self.bounds[Bound.BASE])
        return T.Select(kept, self.bounds[Bound.START], T.int32(ALL_KEYS))

    def below(self, limit: Any, position: Expr) -> Expr:
        """Return the greatest key, of a page with that limit or before it, that a query at `position` does not see."""
        early = position < self.bounds[Bound.BORDER]
        nearest = T.Select(early, self.bounds[Bound.NEAREST], self.bounds[Bound.NEXT_NEAREST])
        return T.min(limit, T.max(nearest, self.bounds[Bound.START])) - 1


@T.inline
def set_bounds(bounds, pattern, head, keys, begin, end, position, base, start, near):
    """Fill the array of a `Kept`: keys `begin` to `end` are near to a query at `position`, which begins a tile.

    They are counted from page `base` on; `near` is how many blocks are near to a query.
    """
    bounds[Bound.BEGIN] = begin
    bounds[Bound.END] = end
    bounds[Bound.BASE] = base
    bounds[Bound.START] = start
    bounds[Bound.SKIP] = far_pages(pattern, head, bounds[Bound.BASE])
    bounds[Bound.FAR] = far_pages(pattern, head, bounds[Bound.BASE] + bounds[Bound.BEGIN] // PAGE)
    bounds[Bound.FAR] = ((bounds[Bound.FAR] - bounds[Bound.SKIP]) * PAGE + (keys - 1)) // keys
    bounds[Bound.BORDER] = (position // pattern.block + 1) * pattern.block
    bounds[Bound.NEAREST] = near_from(pattern, position + bounds[Bound.BASE] * PAGE, near) - bounds[Bound.BASE] * PAGE
    bounds[Bound.NEXT_NEAREST] = (
        near_from(pattern, bounds[Bound.BORDER] + bounds[Bound.BASE] * PAGE, near) - bounds[Bound.BASE] * PAGE
    )


def tile_steps(tile: Tile, dtype: str, source: Source, sparse: bool = False) -> Any:
    """Return attend(...), an inline function: all the work of one workgroup.

    Keys are counted from the sequence's start; which of them a query sees says a `Window`, with `sparse` `Kept`.
    """
    rows, keys, head_dim, lanes, threads = tile.rows, tile.keys, tile.head_dim, tile.lanes, tile.threads
    mine, groups, row_vectors = tile.thread_keys, tile.key_groups, tile.row_vectors
    across, vectors, width, staged = tile.across, tile.out_vectors, tile.width, tile.staged
    scorers, adders = row_vectors * groups, divided(rows, OUT_ROWS) * across
    vector, out_vector = f"float32x{lanes}", of("float32", width)
    pitch, stride, tile_vectors = head_dim + PAD, source.key_stride, divided(keys * head_dim, width)

    @T.inline
    def load_queries(q, queries, thread, start, stop, head):
        for i in T.serial((rows * head_dim + (threads - 1)) // threads):
            at: T.let[T.int32] = i * threads + thread
            if at < rows * head_dim:
                # Rows past the end repeat the last one and are never stored.
                queries[at % head_dim * rows + at // head_dim] = q[
                    T.max(T.min(start + at // head_dim, stop - 1), 0), head, at % head_dim
                ]

    @T.inline
    def copy_keys(k, place, stage, thread, first, last):
        for i in T.serial((keys * head_dim + (threads - 1)) // threads):
            at: T.let[T.int32] = i * threads + thread
            if at < keys * head_dim:
                # Keys that lie dimension by dimension are read 16 side by side.
                t: T.let[T.int32] = _copied_key(at, head_dim, stride)
                d: T.let[T.int32] = _copied_dim(at, head_dim, stride)
                stage[t * pitch + d] = k[source.key(place, T.min(first + t, last)) + d * stride]

    @T.inline
    def copy_values(v, place, stage, thread, first, last):
        for i in T.serial((tile_vectors + (threads - 1)) // threads):
            at: T.let[T.int32] = i * threads + thread
            if at < tile_vectors:
                t: T.let[T.int32] = at * width // head_dim
                d: T.let[T.int32] = at * width % head_dim
                stage[lanes_of(t * pitch + d, width)] = v[
                    lanes_of(source.value(place, T.min(first + t, last)) * head_dim + d, width)
                ]

    @T.inline
    def mask(scores, flat, at, last, span, limit, position):
        """Mask the scores of keys from `at` on that queries from `position` on do not see."""
        if at + mine - 1 > T.min(position, last) or at <= span.below(limit, position + lanes - 1):
            for j in T.unroll(mine):
                flat[lanes_of(0, lanes)] = scores[j]
                for r in T.serial(lanes):
                    if at + j > T.min(position + r, last) or at + j <= span.below(limit, position + r):
                        flat[r] = T.float32(MASKED)
                scores[j] = flat[lanes_of(0, lanes)]

    @T.inline
    def score(k, place, stage, queries, scores, flat, row, at, first, last, span, position, factor):
        """Scores of keys from `at` on with a vector of queries from `row` on; `last` is the last key to be seen."""
        now = T.alloc_buffer((1,), vector, scope="local")
        begins = T.alloc_buffer((mine,), "int32", scope="local")
        element = T.alloc_buffer((mine,), "float32", scope="local")
        for j in T.unroll(mine):
            scores[j] = f32(0.0, lanes)
            if staged:
                begins[j] = (at - first + j) * pitch
            else:
                begins[j] = source.key(place, T.min(at + j, last))
        for d in T.serial(head_dim):
            now[0] = to_f32(queries[lanes_of(d * rows + row, lanes)], lanes)
            for j in T.unroll(mine):
                if staged:
                    element[j] = T.Cast("float32", stage[begins[j] + d])
                else:
                    element[j] = T.Cast("float32", k[begins[j] + d * stride])
                scores[j] = scores[j] + now[0] * splat(element[j], lanes)
        element[0] = factor
        for j in T.unroll(mine):
            scores[j] = scores[j] * splat(element[0], lanes)
        if sparse:
            limit: T.let[T.int32] = span.limit(at)
            mask(scores, flat, at, last, span, limit, position)
        else:
            mask(scores, flat, at, last, span, 0, position)

    @T.inline
    def add_values(v, place, stage, weights, sums, row, d, first, count):
        now = T.alloc_buffer((vectors,), out_vector, scope="local")
        weight = T.alloc_buffer((OUT_ROWS,), "float32", scope="local")
        begin = T.alloc_buffer((1,), "int32", scope="local")
        for t in T.serial(count):
            if not staged:
                begin[0] = source.value(place, first + t)
            for c in T.unroll(vectors):
                if staged:
                    now[c] = to_f32(stage[lanes_of(t * pitch + d + c * width, width)], width)
                else:
                    now[c] = to_f32(v[lanes_of(begin[0] * head_dim + d + c * width, width)], width)
            for r in T.unroll(OUT_ROWS):
                weight[r] = weights[t * rows + row + r]
                for c in T.unroll(vectors):
                    sums[r * vectors + c] = sums[r * vectors + c] + now[c] * splat(weight[r], width)

    @T.inline
    def step(
        thread,
        k,
        v,
        place,
        stage,
        queries,
        weights,
        partial,
        scales,
        scores,
        top,
        old,
        total,
        flat,
        sums,
        row,
        group,
        out_row,
        d,
        first,
        last,
        span,
        position,
        factor,
    ):
        """Go through one tile of keys, from `first` on; `last` comes after the last one."""
        at: T.let[T.int32] = first + group * mine
        if staged:
            T.tvm_storage_sync("shared")
            copy_keys(k, place, stage, thread, first, last - 1)
        T.tvm_storage_sync("shared")
        if thread < scorers:
            if at < last:
                score(
                    k,
                    place,
                    stage,
                    queries,
                    scores,
                    flat,
                    row,
                    at,
                    first,
                    last - 1,
                    span,
                    position + row,
                    factor,
                )
            else:
                for j in T.unroll(mine):
                    scores[j] = f32(MASKED, lanes)
            old[0] = scores[0]
            for j in T.unroll(mine - 1):
                old[0] = T.max(old[0], scores[j + 1])
            partial[lanes_of(group * rows + row, lanes)] = old[0]
        T.tvm_storage_sync("shared")
        if staged:
            copy_values(v, place, stage, thread, first, last - 1)
        if thread < scorers:
            old[0] = top[0]
            for g in T.serial(groups):
                top[0] = T.max(top[0], partial[lanes_of(g * rows + row, lanes)])
            old[0] = T.exp2(old[0] - top[0])
            total[0] = total[0] * old[0]
            if group == 0:
                scales[lanes_of(row, lanes)] = old[0]
            if at < last:
                for j in T.unroll(mine):
                    scores[j] = T.exp2(scores[j] - top[0])
                    total[0] = total[0] + scores[j]
                    weights[lanes_of((group * mine + j) * rows + row, lanes)] = scores[j]
        T.tvm_storage_sync("shared")
        if thread < adders:
            for r in T.unroll(OUT_ROWS):
                flat[r] = scales[out_row + r]
                for c in T.unroll(vectors):
                    sums[r * vectors + c] = sums[r * vectors + c] * splat(flat[r], width)
            # Slots past the end may hold anything, not-a-number included: never read them.
            add_values(v, place, stage, weights, sums, out_row, d, first, T.min(keys, last - first))

    @T.inline
    def attend(thread, q, k, v, place, out, lse, start, stop, head, span, position, factor):
        """start, stop: queries; span: keys; position: of the first query among the keys."""
        queries = T.alloc_buffer((head_dim * rows,), dtype, scope="shared")
        stage = T.alloc_buffer((tile.staging,), dtype, scope="shared")
        weights = T.alloc_buffer((keys * rows,), "float32", scope="shared")
        partial = T.alloc_buffer((groups * rows,), "float32", scope="shared")
        scales = T.alloc_buffer((rows,), "float32", scope="shared")
        scores = T.alloc_buffer((mine,), vector, scope="local")
        top = T.alloc_buffer((1,), vector, scope="local")
        old = T.alloc_buffer((1,), vector, scope="local")
        total = T.alloc_buffer((1,), vector, scope="local")
        flat = T.alloc_buffer((lanes,), "float32", scope="local")
        sums = T.alloc_buffer((OUT_ROWS * vectors,), out_vector, scope="local")
        row: T.let[T.int32] = thread % row_vectors * lanes
        group: T.let[T.int32] = thread // row_vectors
        out_row: T.let[T.int32] = thread // across * OUT_ROWS
        d: T.let[T.int32] = thread % across * (vectors * width)
        load_queries(q, queries, thread, start, stop, head)
        top[0] = f32(MASKED, lanes)
        total[0] = f32(0.0, lanes)
        for r in T.unroll(OUT_ROWS * vectors):
            sums[r] = f32(0.0, width)
        for i in T.serial(span.tiles(keys)):
            if sparse:
                span.bounds[Bound.FIRST] = span.first_of(i, keys)
                span.bounds[Bound.LAST] = span.last_of(i)
            first: T.let[T.int32] = span.first(i, keys)
            step(
                thread,
                k,
                v,
                place,
                stage,
                queries,
                weights,
                partial,
                scales,
                scores,
                top,
                old,
                total,
                flat,
                sums,
                row,
                group,
                out_row,
                d,
                first,
                span.end,
                span,
                position,
                factor,
            )
        T.tvm_storage_sync("shared")
        if thread < scorers:
            partial[lanes_of(group * rows + row, lanes)] = total[0]
            if group == 0:
                scales[lanes_of(row, lanes)] = top[0]
        T.tvm_storage_sync("shared")
        if thread < adders:
            for r in T.unroll(OUT_ROWS):
                if start + out_row + r < stop:
                    flat[0] = T.float32(0)
                    for g in T.serial(groups):
                        flat[0] = flat[0] + partial[g * rows + out_row + r]
                    flat[1] = T.float32(1) / flat[0]
                    for c in T.unroll(vectors):
                        out[start + out_row + r, head, lanes_of(d + c * width, width)] = cast(
                            dtype, sums[r * vectors + c] * splat(flat[1], width), width
                        )
                    if d == 0:
                        lse[start + out_row + r, head] = scales[out_row + r] + T.log2(flat[0])

    return attend


def _copied_key(at: Expr, head_dim: int, stride: int) -> Expr:
    return at // head_dim if stride == 1 else at // (head_dim * stride) * stride + at % stride


def _copied_dim(at: Expr, head_dim: int, stride: int) -> Expr:
    return at % head_dim if stride == 1 else at // stride % head_dim
