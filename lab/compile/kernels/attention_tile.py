"""One tile of query rows against unpacked keys and values: the part that both prefill kernels share.

Keys are float32 [16-token block, head_dim, 16], values float32 [token, head_dim]. A strip of all scores, its softmax,
then the product with the values: for each query row and 16 keys, 2 * head_dim fused multiply-adds of 16 lanes and about
8 instructions of softmax, so it is bound by the multiply-add. Strips (rows * keys * 4 bytes) stay in the second-level
cache.
"""

from __future__ import annotations

from typing import Any

from tvm.script import tirx as T

from lab.compile.isa import Isa
from lab.compile.kernels.kv_pages import PAGE
from lab.compile.kernels.linear import fitting
from lab.compile.kernels.vec import MASKED, exp2, f32, lanes_of, reduce_fadd, reduce_fmax, splat, to_f32


class Tile:
    """The shared inner part of both kernels for one head geometry."""

    def __init__(self, isa: Isa, num_heads: int, num_kv_heads: int, head_dim: int, window: int | None) -> None:
        self.rows = isa.tile_rows
        self.group = num_heads // num_kv_heads
        self.head_dim = head_dim
        self.vectors = head_dim // PAGE
        self.chunk = fitting(self.vectors, 2)
        self.window = 2**30 if window is None else window


def tile_steps(tile: Tile, dtype: str) -> tuple[Any, Any, Any]:
    """Return (load queries, attend, store) as inline functions over one tile of `tile.rows` query rows."""
    rows, head_dim, vectors, chunk = tile.rows, tile.head_dim, tile.vectors, tile.chunk

    @T.inline
    def load_queries(q, q32, start, stop, head, factor):
        for r in T.serial(rows):
            for j in T.serial(vectors):
                # Rows past the end repeat the last one and are never stored.
                q32[r, lanes_of(j * PAGE, PAGE)] = to_f32(
                    q[T.min(start + r, stop - 1), head, lanes_of(j * PAGE, PAGE)], PAGE
                ) * splat(factor, PAGE)

    @T.inline
    def attend(q32, keys, values, strip, out32, stats, first, last, row_position, length):
        """first, last: blocks of 16 keys; row_position: of row 0 in keys' positions; length: keys there are."""
        for i in T.serial(last - first):
            acc = T.alloc_buffer((rows,), "float32x16", scope="local")
            for r in T.unroll(rows):
                acc[r] = f32(0.0, PAGE)
            for d in T.serial(head_dim):
                for r in T.unroll(rows):
                    acc[r] = acc[r] + keys[first + i, d, lanes_of(0, PAGE)] * splat(q32[r, d], PAGE)
            for r in T.unroll(rows):
                strip[r, lanes_of(i * PAGE, PAGE)] = T.Select(
                    T.And(
                        lanes_of((first + i) * PAGE, PAGE) <= splat(T.min(row_position + r, length - 1), PAGE),
                        lanes_of((first + i) * PAGE, PAGE) > splat(row_position + r - tile.window, PAGE),
                    ),
                    acc[r],
                    f32(MASKED, PAGE),
                )
        for r in T.serial(rows):
            top = T.alloc_buffer((2,), "float32x16", scope="local")
            top[0] = f32(MASKED, PAGE)
            for i in T.serial(last - first):
                top[0] = T.max(top[0], strip[r, lanes_of(i * PAGE, PAGE)])
            top[0] = splat(reduce_fmax(top[0]), PAGE)
            top[1] = f32(0.0, PAGE)
            for i in T.serial(last - first):
                strip[r, lanes_of(i * PAGE, PAGE)] = exp2(strip[r, lanes_of(i * PAGE, PAGE)] - top[0], PAGE)
                top[1] = top[1] + strip[r, lanes_of(i * PAGE, PAGE)]
            stats[r, 0] = reduce_fmax(top[0])
            stats[r, 1] = reduce_fadd(top[1])
        for part in T.serial(vectors // chunk):
            sums = T.alloc_buffer((rows * chunk,), "float32x16", scope="local")
            for r in T.unroll(rows * chunk):
                sums[r] = f32(0.0, PAGE)
            # Slots past the end may hold anything, not-a-number included: never read them.
            for i in T.serial(T.min(last * PAGE, length) - first * PAGE):
                for c in T.unroll(chunk):
                    for r in T.unroll(rows):
                        sums[c * rows + r] = sums[c * rows + r] + values[
                            first * PAGE + i, lanes_of((part * chunk + c) * PAGE, PAGE)
                        ] * splat(strip[r, i], PAGE)
            for c in T.unroll(chunk):
                for r in T.unroll(rows):
                    out32[r, lanes_of((part * chunk + c) * PAGE, PAGE)] = sums[c * rows + r]

    @T.inline
    def store(out32, stats, out, lse, start, stop, head):
        for r in T.serial(rows):
            if start + r < stop:
                for j in T.serial(vectors):
                    out[start + r, head, lanes_of(j * PAGE, PAGE)] = T.Cast(
                        f"{dtype}x{PAGE}",
                        out32[r, lanes_of(j * PAGE, PAGE)] / splat(stats[r, 1], PAGE),
                    )
                lse[start + r, head] = stats[r, 0] + T.log2(stats[r, 1])

    return load_queries, attend, store
