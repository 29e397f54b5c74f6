"""Prefill products for vectors of 256 bits or less: tiles whose float sums stay in the cache, not in registers.

Sixteen registers hold the integer sums of a tile, two weight vectors and a broadcast activation, and no float sums
beside them. Those of `TILES` tiles lie in a working array (4 KiB): the loop over tiles is the innermost, so that each
turn adds to another place and no compiler takes them for values to keep in registers, from where they would be spilled.
A group's weights and scales are unpacked once for so many tiles.

For each row, weight vector and group of 32 weights, 4 bits take 8 multiplications, 8 additions and 5 instructions to
add the group to the float sum; 8 bits, whose activations have 16 bits, 16, 16 and 3; `vpdpbusd` 8 and 3
(`lab.compile.cpu.kernels.products`). A broadcast serves two weight vectors: with one, loads are the bound. The second
term of queries' and keys' activations takes the place of every second row: weights are read once for both.
"""

from __future__ import annotations

import functools
from typing import Any

from tvm.script import tirx as T

from lab.compile.cpu.isa import Isa
from lab.compile.cpu.kernels.epilogue import Epilogue
from lab.compile.cpu.kernels.products import Products
from lab.compile.tir.narrow import AS_IT_IS, Scaled
from lab.compile.tir.sizes import BLOCK, GROUP, divided, fitting
from lab.compile.tir.trim import trimmed
from lab.compile.tir.vec import Expr, lanes_of, splat, to_f32

TILES = 16  # of so many tiles the float sums are kept: 8 to 32 did equally well
PrimFunc = Any


@functools.cache
def tiled_linear(
    isa: Isa,
    bits: int,
    in_features: int,
    out_rows: int,
    *,
    residual: bool,
    out_dtype: str,
    terms: int = 1,
    fine_rows: int | None = None,
    scaled: Scaled = AS_IT_IS,
    bias_rows: int = 0,
    kept: int = TILES,
) -> PrimFunc:
    """Return what `quantised_linear` does, in tiles of `isa.tile_rows` rows and `isa.tile_blocks` weight vectors.

    Arguments as there. Activations of 16 bits are two `terms`, and fine all of them.
    """
    make = Products(isa, bits)
    groups, blocks = divided(in_features, GROUP), divided(out_rows, BLOCK)
    lanes, rows, width = isa.lanes, isa.tile_rows, isa.lanes * 4
    parts = BLOCK // lanes
    vectors, flight = blocks * parts, fitting(blocks * parts, isa.tile_blocks)
    fine = vectors if fine_rows is None else -(-fine_rows // lanes)
    steps, items, factors = make.steps, make.items, make.factors
    apart = terms == 2 and not make.words  # the terms are summed each by itself
    terms = 2 if make.words else terms
    last = terms - 1 if make.words else 0  # which of a group's scales and biases is that of one term
    end = Epilogue(residual, out_dtype, scaled, bias_rows)

    def packed(q_weight: Any, vector: Expr, g: Expr, j: Expr) -> Expr:
        return q_weight[vector // parts, g, j, lanes_of(vector % parts * width, width)]

    def word(acts: Any, tile: Expr, g: Expr, k: Expr, r: Expr) -> Expr:
        """Return the activations of row r that step k meets; the first term's, if they have two."""
        return acts[tile, g * terms + k // 8, k % 8 * rows + r]

    def part(b: Expr, r: Expr) -> Expr:
        """Return which of a tile's float sums are those of row r and vector b."""
        return lanes_of((b * rows + r) * lanes, lanes)

    @T.inline
    def unpack(q_weight, q_scale, weights, scales, first, g):
        for b in T.unroll(flight):
            for j in T.unroll(bits):
                weights[j * factors * flight + b, lanes_of(0, items)] = make.factor(
                    packed(q_weight, first + b, g, j), 0
                )
                if factors == 2:
                    weights[(j * 2 + 1) * flight + b, lanes_of(0, items)] = make.factor(
                        packed(q_weight, first + b, g, j), 1
                    )
            scales[b] = to_f32(q_scale[(first + b) // parts, g, lanes_of((first + b) % parts * lanes, lanes)], lanes)

    @T.inline
    def one_term(acts, scale, bias, weights, scales, sums, tile, g, t):
        ints = T.alloc_buffer((flight * rows,), make.sums)
        for r in T.unroll(rows):
            for b in T.unroll(flight):
                ints[b * rows + r] = make.first(bias[tile, g * terms + last, r])
        for k in T.unroll(steps):
            for r in T.unroll(rows):
                for b in T.unroll(flight):
                    ints[b * rows + r] = make.step_in_order(
                        ints[b * rows + r], weights[k * flight + b, lanes_of(0, items)], word(acts, tile, g, k, r)
                    )
        for r in T.unroll(rows):
            for b in T.unroll(flight):
                sums[t, part(b, r)] = sums[t, part(b, r)] + make.alone(
                    ints[b * rows + r], bias[tile, g * terms + last, r]
                ) * (scales[b] * splat(scale[tile, g * terms + last, r], lanes))

    @T.inline
    def two_terms(acts, scale, bias, weights, scales, sums, tile, g, t, start, count):
        """Add `count` rows of a tile from `start` on, of two terms each."""
        ints = T.alloc_buffer((2 * flight * count,), make.sums)
        for r in T.unroll(count):
            for b in T.unroll(flight):
                for term in T.unroll(2):
                    ints[(b * count + r) * 2 + term] = make.first(bias[tile, 2 * g + term, start + r])
        for k in T.unroll(steps):
            for r in T.unroll(count):
                for term in T.unroll(2):
                    for b in T.unroll(flight):
                        ints[(b * count + r) * 2 + term] = make.step_in_order(
                            ints[(b * count + r) * 2 + term],
                            weights[k * flight + b, lanes_of(0, items)],
                            acts[tile, 2 * g + term, k * rows + start + r],
                        )
        for r in T.unroll(count):
            for b in T.unroll(flight):
                sums[t, part(b, start + r)] = sums[t, part(b, start + r)] + make.joined(
                    ints[(b * count + r) * 2],
                    ints[(b * count + r) * 2 + 1],
                    bias[tile, 2 * g + 1, start + r],
                ) * (scales[b] * splat(scale[tile, 2 * g + 1, start + r], lanes))

    @T.inline
    def all_groups(acts, scale, bias, q_weight, q_scale, weights, sums, first, begin, count, second):
        for g in T.serial(groups):
            scales = T.alloc_buffer((flight,), f"float32x{lanes}")
            unpack(q_weight, q_scale, weights, scales, first, g)
            for t in T.serial(count):
                if second:
                    two_terms(acts, scale, bias, weights, scales, sums, begin + t, g, t, 0, rows // 2)
                    two_terms(acts, scale, bias, weights, scales, sums, begin + t, g, t, rows // 2, rows - rows // 2)
                else:
                    one_term(acts, scale, bias, weights, scales, sums, begin + t, g, t)

    @T.inline
    def some_tiles(acts, scale, bias, q_weight, q_scale, weights, sums, first, begin, count):
        for t in T.serial(count):
            for i in T.unroll(flight * rows):
                sums[t, lanes_of(i * lanes, lanes)] = splat(T.float32(0), lanes)
        if apart and fine < vectors:
            if first < fine:
                all_groups(acts, scale, bias, q_weight, q_scale, weights, sums, first, begin, count, True)
            else:
                all_groups(acts, scale, bias, q_weight, q_scale, weights, sums, first, begin, count, False)
        else:
            all_groups(acts, scale, bias, q_weight, q_scale, weights, sums, first, begin, count, apart)

    @T.inline
    def product(acts, scale, bias, q_weight, q_scale, added, before, out, n, tiles):
        for v in T.parallel(vectors // flight):
            weights = T.alloc_buffer((steps * flight, items), make.item, scope="local")
            sums = T.alloc_buffer((kept, flight * rows * lanes), "float32", scope="local")
            for c in T.serial((tiles + kept - 1) // kept):
                count: T.let[T.int64] = T.min(T.int64(kept), tiles - c * kept)
                some_tiles(acts, scale, bias, q_weight, q_scale, weights, sums, v * flight, c * kept, count)
                for t in T.serial(count):
                    for r in T.unroll(rows):
                        if (c * kept + t) * rows + r < n:
                            for b in T.unroll(flight):
                                out[(c * kept + t) * rows + r, lanes_of((v * flight + b) * lanes, lanes)] = end.stored(
                                    added,
                                    before,
                                    (c * kept + t) * rows + r,
                                    (v * flight + b) * lanes,
                                    sums[t, part(b, r)],
                                    lanes,
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
        scale = T.match_buffer(scale_handle, (tiles, groups * terms, rows), "float32")
        bias = T.match_buffer(bias_handle, (tiles, groups * terms, rows), "int32")
        before = T.match_buffer(residual_handle, (n, out_rows), "float32")
        out = T.match_buffer(out_handle, (n, out_rows), out_dtype)
        product(acts, scale, bias, q_weight, q_scale, added, before, out, n, tiles)

    return trimmed(linear, "added", "before")
