"""Matrix products with 4- and 8-bit weights and int8 activations, for decode (one row) and prefill (tiles of rows).

For every row of activations and every group of 32 weights: 8 dot instructions of 4 bytes a lane, one conversion,
one multiply and one fused multiply-add.

Decode reads each weight once (K/2 or K bytes a row, and K/16 bytes of scales) and is bound by memory. What it costs to
reach that bound: one row block after the other, so that the weights are one stream, and both streams asked for ahead of
their use, because processors do not fetch ahead past the end of a page. With 4 blocks in flight and nothing asked for,
one core of an AMD EPYC (Zen 5) read 33 GB/s of the 43 that a plain read loop gets; so, 41.

Prefill reads weights once for `tile_rows` rows and is bound by the dot instruction: 8 of 10 instructions on its port,
so 80 % of the int8 peak at best. `tile_blocks` weight vectors share each broadcast activation: with one, loads are
the bound instead (one a dot: 70 % of the peak reached on that EPYC; with two, 76 %). ARM takes activations by lane, 16
bytes a load; its bounds are in docs/decisions/0015-arm64-kernels.md.
"""

from __future__ import annotations

import functools
from typing import Any

from tvm.script import tirx as T

from lab.compile.cpu.isa import Isa
from lab.compile.cpu.kernels.dot import dot_step, first_sums, group_sum, half, halves_of, parts_of, spread, sums_dtype
from lab.compile.cpu.kernels.epilogue import Epilogue
from lab.compile.cpu.kernels.linear_tile import tiled_linear
from lab.compile.cpu.kernels.mmla import pair_group, row_of, uses_mmla
from lab.compile.tir.narrow import AS_IT_IS, Scaled
from lab.compile.tir.sizes import BLOCK, GROUP, divided, fitting
from lab.compile.tir.trim import trimmed
from lab.compile.tir.vec import Expr, fetch, lanes_of, splat, to_f32

AHEAD_BYTES = 8192  # how far ahead of its use a weight is asked for: two pages; 6 to 12 KiB did equally well
AHEAD_SCALES = 64  # groups of scales, 2 KiB
PrimFunc = Any


def rows_in_tiles(isa: Isa, tile_rows: int) -> bool:
    """Whether the float sums of so many rows lie in the cache: with 16 registers there is no room for them."""
    return isa.float_sums == "cache" and tile_rows == isa.tile_rows


@functools.cache
def quantised_linear(
    isa: Isa,
    bits: int,
    in_features: int,
    out_rows: int,
    tile_rows: int,
    *,
    residual: bool,
    out_dtype: str,
    terms: int = 1,
    fine_rows: int | None = None,
    scaled: Scaled = AS_IT_IS,
    bias_rows: int = 0,
    ahead_bytes: int = AHEAD_BYTES,
) -> PrimFunc:
    """Return out[m, n] = (residual[m, n] +) sum over k of act[m, k] * weight[n, k] (+ bias[n]).

    acts: int32 [tiles, K/32, 8 * tile_rows], each 4 signed bytes, act_scale: float32 [tiles, K/32, tile_rows] and
    act_bias: int32 [tiles, K/32, tile_rows], minus the weight offset times the sum of the group's bytes, as `Encoding`
    orders and repeats them, each group in so many `terms`; q_weight: uint8 [N/16, K/32, bits, 64]; q_scale: float16
    [N/16, K/32, 16]; then, with `bias_rows`, float32 [bias_rows], and with `residual`, float32 [rows, N]; out:
    [rows, N] (`lab.compile.cpu.kernels.epilogue`). With `fine_rows`, only the first so many of N take the second term;
    those of `scaled` are times its factor before they are rounded to `out_dtype`.
    """
    if rows_in_tiles(isa, tile_rows):
        tile: dict[str, Any] = {"terms": terms, "fine_rows": fine_rows, "scaled": scaled, "bias_rows": bias_rows}
        return tiled_linear(isa, bits, in_features, out_rows, residual=residual, out_dtype=out_dtype, **tile)
    groups, blocks = divided(in_features, GROUP), divided(out_rows, BLOCK)
    lanes, rows, kept, sums = isa.lanes, tile_rows, parts_of(isa), sums_dtype(isa, bits)
    parts = BLOCK // lanes
    vectors = blocks * parts
    flight = parts if rows == 1 else fitting(vectors, isa.tile_blocks)
    width, halves = lanes * 4, halves_of(isa, bits)
    ahead, scales_ahead = (ahead_bytes // (64 * bits), AHEAD_SCALES) if rows == 1 else (0, 0)
    step = 1 if bits == 4 else 0  # the second nibbles meet the next 4 activations
    pairwise = uses_mmla(isa, rows)
    fine = vectors if fine_rows is None else -(-fine_rows // lanes)
    copies = 2 if pairwise else 1
    end = Epilogue(residual, out_dtype, scaled, bias_rows)

    def packed(q_weight: Any, vector: Expr, g: Expr, j: Expr) -> Expr:
        """Return a load; written out twice it is still one. A variable for it would be memory asked of the runtime."""
        return q_weight[vector // parts, g, j, lanes_of(vector % parts * width, width)]

    def eights(q_weight: Any, vector: Expr, g: Expr, j: Expr, which: int) -> Expr:
        """Return half of 8 values of four rows."""
        if bits == 8:
            return packed(q_weight, vector, g, 2 * j + which)
        return half(isa, bits, packed(q_weight, vector, g, j), which)

    def result(acc: Any, b: Expr, r: Expr) -> Expr:
        """Return the sums of row r for the lanes of block b."""
        if not pairwise:
            return acc[b * rows + r]
        return row_of(acc[b * rows + r // 2 * 2], acc[b * rows + r // 2 * 2 + 1], r % 2)

    @T.inline
    def lane_group(acts, scale, bias, q_weight, q_scale, acc, ints, tile, g, term, first):
        for r in T.unroll(rows):
            for b in T.unroll(flight):
                for c in T.unroll(kept):
                    ints[(b * rows + r) * kept + c] = first_sums(isa, bits, bias[tile, g * terms + term, r])
        if scales_ahead > 0 and term == 0:
            fetch(q_scale[first // parts, g + scales_ahead, 0])
        for j in T.unroll(bits):
            weights = T.alloc_buffer((halves * flight,), f"uint8x{width}")
            if ahead > 0 and term == 0:
                fetch(q_weight[first // parts, g + ahead, j, 0])
            for b in T.unroll(flight):
                weights[b] = half(isa, bits, packed(q_weight, first + b, g, j), 0)
                if halves == 2:
                    weights[flight + b] = half(isa, bits, packed(q_weight, first + b, g, j), 1)
            for h in T.unroll(halves):
                for r in T.unroll(rows):
                    for b in T.unroll(flight):
                        ints[(b * rows + r) * kept] = dot_step(
                            isa,
                            bits,
                            ints[(b * rows + r) * kept],
                            weights[h * flight + b],
                            spread(isa, acts, tile, g * terms + term, ((1 + step) * j + step * h) * rows + r),
                        )
                        if kept == 2:
                            ints[(b * rows + r) * kept + 1] = dot_step(
                                isa,
                                bits,
                                ints[(b * rows + r) * kept + 1],
                                weights[h * flight + b],
                                spread(isa, acts, tile, g * terms + term, ((1 + step) * j + step * h) * rows + r),
                                1,
                            )
        for r in T.unroll(rows):
            for b in T.unroll(flight):
                acc[b * rows + r] = acc[b * rows + r] + to_f32(
                    group_sum(
                        isa,
                        bits,
                        ints[(b * rows + r) * kept],
                        ints[(b * rows + r) * kept + (kept - 1)],
                        bias[tile, g * terms + term, r],
                    ),
                    lanes,
                ) * (
                    to_f32(q_scale[(first + b) // parts, g, lanes_of((first + b) % parts * lanes, lanes)], lanes)
                    * splat(scale[tile, g * terms + term, r], lanes)
                )

    one_group = pair_group(rows, flight, terms, eights) if pairwise else lane_group

    @T.inline
    def all_groups(acts, scale, bias, q_weight, q_scale, acc, ints, tile, first, second):
        for g in T.serial(groups):
            one_group(acts, scale, bias, q_weight, q_scale, acc, ints, tile, g, 0, first)
            if second:
                one_group(acts, scale, bias, q_weight, q_scale, acc, ints, tile, g, 1, first)

    @T.inline
    def one_tile(acts, scale, bias, q_weight, q_scale, acc, ints, tile, first):
        for i in T.unroll(flight * rows):
            acc[i] = splat(T.float32(0), lanes)
        if terms == 2 and fine < vectors:
            if first < fine:
                all_groups(acts, scale, bias, q_weight, q_scale, acc, ints, tile, first, True)
            else:
                all_groups(acts, scale, bias, q_weight, q_scale, acc, ints, tile, first, False)
        else:
            all_groups(acts, scale, bias, q_weight, q_scale, acc, ints, tile, first, terms == 2)

    @T.inline
    def product(acts, scale, bias, q_weight, q_scale, added, before, out, n, tiles):
        for v in T.parallel(vectors // flight):
            for tile in T.serial(tiles):
                acc = T.alloc_buffer((flight * rows,), f"float32x{lanes}")
                ints = T.alloc_buffer((flight * rows * kept,), sums)
                one_tile(acts, scale, bias, q_weight, q_scale, acc, ints, tile, v * flight)
                for r in T.unroll(rows):
                    if tile * rows + r < n:
                        for b in T.unroll(flight):
                            out[tile * rows + r, lanes_of((v * flight + b) * lanes, lanes)] = end.stored(
                                added, before, tile * rows + r, (v * flight + b) * lanes, result(acc, b, r), lanes
                            )

    @T.prim_func
    def linear(
        acts_handle: T.handle,
        scale_handle: T.handle,
        bias_handle: T.handle,
        q_weight: T.Buffer((blocks, groups, bits, 64), "uint8"),
        q_scale: T.Buffer((blocks, groups, BLOCK), "float16"),
        added: T.Buffer((bias_rows,), "float32"),
        residual_handle: T.handle,
        out_handle: T.handle,
    ):
        T.func_attr({"tirx.noalias": True, "op_pattern": 8})
        tiles = T.int64()
        n = T.int64()
        acts = T.match_buffer(acts_handle, (tiles, groups * terms, 8 * rows), "int32")
        scale = T.match_buffer(scale_handle, (tiles, groups * terms, rows * copies), "float32")
        bias = T.match_buffer(bias_handle, (tiles, groups * terms, rows * copies), "int32")
        before = T.match_buffer(residual_handle, (n, out_rows), "float32")
        out = T.match_buffer(out_handle, (n, out_rows), out_dtype)
        product(acts, scale, bias, q_weight, q_scale, added, before, out, n, tiles)

    return trimmed(linear, "added", "before")
