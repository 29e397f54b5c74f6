"""Matrix products with 4- and 8-bit weights and int8 activations, for decode (one row) and prefill (tiles of rows).

For every row of activations and every group of 32 weights: 8 dot instructions of 4 bytes a lane, one conversion,
one multiply and one fused multiply-add. Decode reads each weight once (K/2 or K bytes a row, and K/16 bytes of
scales) and is bound by memory; prefill reads them once for `tile_rows` rows and is bound by the dot instruction:
8 of 10 instructions on its port, so 80 % of the int8 peak at best.
"""

from __future__ import annotations

import functools
from typing import Any

from tvm.script import tirx as T

from lab.compile.isa import Isa
from lab.compile.kernels.vec import Expr, dot_step, lanes_of, splat, to_f32

GROUP = 32  # weights that share a scale
BLOCK = 16  # rows that the weight layout interleaves
PrimFunc = Any


def fitting(blocks: int, wanted: int) -> int:
    """Return the greatest number up to `wanted` that divides `blocks`."""
    return next(n for n in range(wanted, 0, -1) if blocks % n == 0)


def act_steps(bits: int) -> int:
    """Return how many 4-byte activations one load of packed weights meets."""
    return 2 if bits == 4 else 1


def dot_packed(isa: Isa, bits: int, acc: Expr, packed: Expr, first: Expr, second: Expr) -> Expr:
    """Return acc + the dot products of one load of packed weights with the activations that it meets."""
    lanes = isa.lanes * 4
    if bits == 4:
        acc = dot_step(isa, acc, packed & splat(T.uint8(15), lanes), first)
        return dot_step(isa, acc, T.shift_right(packed, splat(T.uint8(4), lanes)), second)
    if isa.dot == "vpdpbusd":
        return dot_step(isa, acc, packed, first)
    # Two halves of the byte, so that the 16-bit sums of the pair instruction cannot overflow.
    acc = dot_step(isa, acc, packed & splat(T.uint8(127), lanes), first)
    return dot_step(isa, acc, packed & splat(T.uint8(128), lanes), first)


@functools.cache
def quantised_linear(
    isa: Isa, bits: int, in_features: int, out_rows: int, tile_rows: int, *, residual: bool, out_dtype: str
) -> PrimFunc:
    """Return out[m, n] = (residual[m, n] +) sum over k of act[m, k] * weight[n, k].

    acts: int32 [tiles, K/32, 8, tile_rows], each 4 signed bytes; act_scale: float32 [tiles, K/32, tile_rows];
    act_bias: int32 [tiles, K/32, tile_rows], minus the weight offset times the sum of the group's bytes;
    q_weight: uint8 [N/16, K/32, bits, 64]; q_scale: float16 [N/16, K/32, 16]; out: [rows, N].
    """
    groups, blocks = in_features // GROUP, out_rows // BLOCK
    lanes, rows = isa.lanes, tile_rows
    parts = BLOCK // lanes
    vectors = blocks * parts
    flight = fitting(vectors, isa.gemv_blocks if rows == 1 else 1)
    width, per_load = lanes * 4, act_steps(bits)
    second = per_load - 1

    @T.inline
    def one_group(acts, scale, bias, q_weight, q_scale, acc, ints, tile, g, first):
        for b in T.unroll(flight):
            for r in T.unroll(rows):
                ints[b * rows + r] = splat(bias[tile, g, r], lanes)
        for j in T.unroll(bits):
            for b in T.unroll(flight):
                for r in T.unroll(rows):
                    ints[b * rows + r] = dot_packed(
                        isa,
                        bits,
                        ints[b * rows + r],
                        q_weight[(first + b) // parts, g, j, lanes_of((first + b) % parts * width, width)],
                        acts[tile, g, per_load * j, r],
                        acts[tile, g, per_load * j + second, r],
                    )
        for b in T.unroll(flight):
            for r in T.unroll(rows):
                acc[b * rows + r] = acc[b * rows + r] + to_f32(ints[b * rows + r], lanes) * (
                    to_f32(q_scale[(first + b) // parts, g, lanes_of((first + b) % parts * lanes, lanes)], lanes)
                    * splat(scale[tile, g, r], lanes)
                )

    @T.inline
    def one_tile(acts, scale, bias, q_weight, q_scale, acc, ints, tile, first):
        for i in T.unroll(flight * rows):
            acc[i] = splat(T.float32(0), lanes)
        for g in T.serial(groups):
            one_group(acts, scale, bias, q_weight, q_scale, acc, ints, tile, g, first)

    if residual:

        @T.prim_func
        def linear_add(
            acts_handle: T.handle,
            scale_handle: T.handle,
            bias_handle: T.handle,
            q_weight: T.Buffer((blocks, groups, bits, 64), "uint8"),
            q_scale: T.Buffer((blocks, groups, BLOCK), "float16"),
            residual_handle: T.handle,
            out_handle: T.handle,
        ):
            T.func_attr({"tirx.noalias": True, "op_pattern": 8})
            tiles = T.int64()
            n = T.int64()
            acts = T.match_buffer(acts_handle, (tiles, groups, 8, rows), "int32")
            scale = T.match_buffer(scale_handle, (tiles, groups, rows), "float32")
            bias = T.match_buffer(bias_handle, (tiles, groups, rows), "int32")
            before = T.match_buffer(residual_handle, (n, out_rows), "float32")
            out = T.match_buffer(out_handle, (n, out_rows), out_dtype)
            for v in T.parallel(vectors // flight):
                for tile in T.serial(tiles):
                    acc = T.alloc_buffer((flight * rows,), f"float32x{lanes}", scope="local")
                    ints = T.alloc_buffer((flight * rows,), f"int32x{lanes}", scope="local")
                    one_tile(acts, scale, bias, q_weight, q_scale, acc, ints, tile, v * flight)
                    for r in T.unroll(rows):
                        if tile * rows + r < n:
                            for b in T.unroll(flight):
                                out[tile * rows + r, lanes_of((v * flight + b) * lanes, lanes)] = (
                                    before[tile * rows + r, lanes_of((v * flight + b) * lanes, lanes)]
                                    + acc[b * rows + r]
                                )

        return linear_add

    @T.prim_func
    def linear(
        acts_handle: T.handle,
        scale_handle: T.handle,
        bias_handle: T.handle,
        q_weight: T.Buffer((blocks, groups, bits, 64), "uint8"),
        q_scale: T.Buffer((blocks, groups, BLOCK), "float16"),
        out_handle: T.handle,
    ):
        T.func_attr({"tirx.noalias": True, "op_pattern": 8})
        tiles = T.int64()
        n = T.int64()
        acts = T.match_buffer(acts_handle, (tiles, groups, 8, rows), "int32")
        scale = T.match_buffer(scale_handle, (tiles, groups, rows), "float32")
        bias = T.match_buffer(bias_handle, (tiles, groups, rows), "int32")
        out = T.match_buffer(out_handle, (n, out_rows), out_dtype)
        for v in T.parallel(vectors // flight):
            for tile in T.serial(tiles):
                acc = T.alloc_buffer((flight * rows,), f"float32x{lanes}", scope="local")
                ints = T.alloc_buffer((flight * rows,), f"int32x{lanes}", scope="local")
                one_tile(acts, scale, bias, q_weight, q_scale, acc, ints, tile, v * flight)
                for r in T.unroll(rows):
                    if tile * rows + r < n:
                        for b in T.unroll(flight):
                            out[tile * rows + r, lanes_of((v * flight + b) * lanes, lanes)] = T.Cast(
                                f"{out_dtype}x{lanes}", acc[b * rows + r]
                            )

    return linear
