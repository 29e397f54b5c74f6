"""One tile of query rows against keys and values: the part that both prefill kernels share.

Keys come as float32 vectors of 16 tokens for one dimension, values as 16 dimensions of one token; where they lie is the
caller's. A strip of all scores, its softmax, then the product with the values: for each query row and 16 keys,
2 * head_dim fused multiply-adds of 16 lanes and about 8 instructions of softmax, so it is bound by the multiply-add.
Where there are registers for it, two blocks of keys share each broadcast query, so that loads are not the bound. Strips
(rows * keys * 4 bytes) stay in the second-level cache.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tvm.script import tirx as T

from lab.compile.cpu.isa import Isa
from lab.compile.tir.sizes import PAGE, divided, fitting, fitting_vector
from lab.compile.tir.vec import (
    MASKED,
    Expr,
    cast,
    exp2,
    f32,
    lanes_of,
    of,
    reduce_fadd,
    reduce_fmax,
    scope_of,
    splat,
    to_f32,
)

Load = Callable[..., Expr]
PARALLEL = 8  # pieces of work at least: with fewer key heads, each one's tiles of queries are dealt out
WIDE_ROWS = 7  # with 512-bit registers; twice as many sums are the most that TVM still puts on the stack


class Tile:
    """The shared inner part of both kernels for one head geometry."""

    def __init__(self, isa: Isa, num_heads: int, num_kv_heads: int, head_dim: int, window: int | None) -> None:
        self.rows = WIDE_ROWS if isa.lanes == PAGE else isa.float_rows
        self.group = divided(num_heads, num_kv_heads)
        self.head_dim = head_dim
        self.width = fitting_vector(head_dim, PAGE)  # of a vector of values or of a query
        self.vectors = divided(head_dim, self.width)
        self.chunk = fitting(self.vectors, isa.value_vectors)
        self.pair = 2 if isa.lanes == PAGE else 1  # blocks of keys at a time
        self.window = 2**30 if window is None else window
        self.shares = -(-PARALLEL // num_kv_heads)  # of a key head
        self.works = num_kv_heads * self.shares

    def head_of(self, work: Expr) -> Expr:
        """Return the key head of a piece of work."""
        return work if self.shares == 1 else work // self.shares

    def tile_of(self, work: Expr, j: Expr) -> Expr:
        """Return its j-th tile of queries: they take turns, since later ones see more keys."""
        return j if self.shares == 1 else j * self.shares + work % self.shares

    def tiles_of(self, work: Expr, tokens: Expr) -> Expr:
        """Return how many tiles of so many queries it has."""
        tiles = (tokens + self.rows - 1) // self.rows
        return tiles if self.shares == 1 else (tiles - work % self.shares + self.shares - 1) // self.shares


def tile_steps(tile: Tile, dtype: str, key: Load, value: Load) -> tuple[Any, Any, Any]:
    """Return (load queries, attend, store) as inline functions over one tile of `tile.rows` query rows.

    `key(source, place, block, d)` and `value(source, place, block, token, vector)` return vectors of 16 keys, and
    of `tile.width` dimensions; source and place are handed through by `attend`.
    """
    rows, head_dim, pair = tile.rows, tile.head_dim, tile.pair
    width, vectors, chunk = tile.width, tile.vectors, tile.chunk
    vector, scope = of("float32", width), scope_of(width)

    @T.inline
    def load_queries(q, q32, start, stop, head, factor):
        for r in T.serial(rows):
            for j in T.serial(vectors):
                # Rows past the end repeat the last one and are never stored.
                q32[r, lanes_of(j * width, width)] = to_f32(
                    q[T.min(start + r, stop - 1), head, lanes_of(j * width, width)], width
                ) * splat(factor, width)

    @T.inline
    def score(q32, keys, place, strip, i, span, row_position, length):
        acc = T.alloc_buffer((pair * rows,), "float32x16")
        now = T.alloc_buffer((pair,), "float32x16")
        for r in T.unroll(pair * rows):
            acc[r] = f32(0.0, PAGE)
        for d in T.serial(head_dim):
            for b in T.unroll(pair):
                now[b] = key(keys, place, span.clamped(i * pair, b), d)
            for r in T.unroll(rows):
                for b in T.unroll(pair):
                    acc[b * rows + r] = acc[b * rows + r] + now[b] * splat(q32[r, d], PAGE)
        for b in T.unroll(pair):
            for r in T.unroll(rows):
                strip[r, lanes_of((i * pair + b) * PAGE, PAGE)] = T.Select(
                    T.And(
                        lanes_of(span.at(i * pair, b) * PAGE, PAGE) <= splat(T.min(row_position + r, length - 1), PAGE),
                        lanes_of(span.at(i * pair, b) * PAGE, PAGE)
                        > splat(span.below(i * pair, b, r, row_position), PAGE),
                    ),
                    acc[b * rows + r],
                    f32(MASKED, PAGE),
                )

    @T.inline
    def attend(q32, keys, values, place, strip, out32, stats, span, row_position, length):
        """span: of blocks of 16 keys; row_position: of row 0 in keys' positions; length: keys there are."""
        for i in T.serial((span.count + (pair - 1)) // pair):
            score(q32, keys, place, strip, i, span, row_position, length)
        for r in T.serial(rows):
            top = T.alloc_buffer((2,), "float32x16")
            top[0] = f32(MASKED, PAGE)
            for i in T.serial(span.count):
                top[0] = T.max(top[0], strip[r, lanes_of(i * PAGE, PAGE)])
            top[0] = splat(reduce_fmax(top[0]), PAGE)
            top[1] = f32(0.0, PAGE)
            for i in T.serial(span.count):
                strip[r, lanes_of(i * PAGE, PAGE)] = exp2(strip[r, lanes_of(i * PAGE, PAGE)] - top[0], PAGE)
                top[1] = top[1] + strip[r, lanes_of(i * PAGE, PAGE)]
            stats[r, 0] = reduce_fmax(top[0])
            stats[r, 1] = reduce_fadd(top[1])
        for part in T.serial(divided(vectors, chunk)):
            sums = T.alloc_buffer((rows * chunk,), vector, scope=scope)
            now = T.alloc_buffer((chunk,), vector, scope=scope)
            for r in T.unroll(rows * chunk):
                sums[r] = f32(0.0, width)
            for i in T.serial(span.count):
                # Slots past the end may hold anything, not-a-number included: never read them.
                for t in T.serial(T.min(PAGE, length - span.at(i) * PAGE)):
                    for c in T.unroll(chunk):
                        now[c] = value(values, place, span.at(i), t, part * chunk + c)
                    for r in T.unroll(rows):
                        for c in T.unroll(chunk):
                            sums[c * rows + r] = sums[c * rows + r] + now[c] * splat(strip[r, i * PAGE + t], width)
            for c in T.unroll(chunk):
                for r in T.unroll(rows):
                    out32[r, lanes_of((part * chunk + c) * width, width)] = sums[c * rows + r]

    @T.inline
    def store(out32, stats, out, lse, start, stop, head):
        for r in T.serial(rows):
            if start + r < stop:
                for j in T.serial(vectors):
                    out[start + r, head, lanes_of(j * width, width)] = cast(
                        dtype, out32[r, lanes_of(j * width, width)] / splat(stats[r, 1], width), width
                    )
                lse[start + r, head] = stats[r, 0] + T.log2(stats[r, 1])

    return load_queries, attend, store
