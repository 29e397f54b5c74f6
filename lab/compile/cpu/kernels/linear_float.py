"""Matrix products with float16 or float32 weights and float32 activations.

The weight layout holds 16 rows side by side for each k, so a weight vector meets one activation and no lane is
ever summed across. Decode reads 2 or 4 bytes a weight once and is bound by memory; prefill is bound by the fused
multiply-add: one for each vector of weights and row of activations.
"""

from __future__ import annotations

import functools
from typing import Any

from tvm.script import tirx as T

from lab.compile.cpu.isa import Isa
from lab.compile.cpu.kernels.epilogue import Epilogue
from lab.compile.tir.narrow import AS_IT_IS, Scaled
from lab.compile.tir.sizes import BLOCK, divided, fitting
from lab.compile.tir.trim import trimmed
from lab.compile.tir.vec import lanes_of, splat, to_f32

GEMV_BLOCKS = 4  # independent sums, to hide the latency of the multiply-add
PrimFunc = Any


@functools.cache
def float_linear(
    isa: Isa,
    dtype: str,
    in_features: int,
    out_rows: int,
    tile_rows: int,
    *,
    residual: bool,
    out_dtype: str,
    scaled: Scaled = AS_IT_IS,
    bias_rows: int = 0,
) -> PrimFunc:
    """Return out[m, n] = (residual[m, n] +) sum over k of act[m, k] * weight[n, k] (+ bias[n]).

    acts: float32 [tiles, K, tile_rows]; weight: `dtype` [N/16, K, 16]; then, with `bias_rows`, float32 [bias_rows], and
    with `residual`, float32 [rows, N]; out: [rows, N] (`lab.compile.cpu.kernels.epilogue`). The first of N that
    `scaled` counts are times its factor before they are rounded to `out_dtype`.
    """
    blocks, rows = divided(out_rows, BLOCK), tile_rows
    flight = fitting(blocks, GEMV_BLOCKS if rows == 1 else isa.tile_blocks)
    end = Epilogue(residual, out_dtype, scaled, bias_rows)

    @T.inline
    def one_tile(acts, weight, acc, tile, first):
        for i in T.unroll(flight * rows):
            acc[i] = splat(T.float32(0), BLOCK)
        for k in T.serial(in_features):
            for b in T.unroll(flight):
                for r in T.unroll(rows):
                    acc[b * rows + r] = acc[b * rows + r] + to_f32(
                        weight[first + b, k, lanes_of(0, BLOCK)], BLOCK
                    ) * splat(acts[tile, k, r], BLOCK)

    @T.prim_func
    def linear(
        acts_handle: T.handle,
        weight: T.Buffer((blocks, in_features, BLOCK), dtype),
        added: T.Buffer((bias_rows,), "float32"),
        residual_handle: T.handle,
        out_handle: T.handle,
    ):
        T.func_attr({"tirx.noalias": True, "op_pattern": 8})
        tiles = T.int64()
        n = T.int64()
        acts = T.match_buffer(acts_handle, (tiles, in_features, rows), "float32")
        before = T.match_buffer(residual_handle, (n, out_rows), "float32")
        out = T.match_buffer(out_handle, (n, out_rows), out_dtype)
        for v in T.parallel(blocks // flight):
            for tile in T.serial(tiles):
                acc = T.alloc_buffer((flight * rows,), f"float32x{BLOCK}")
                one_tile(acts, weight, acc, tile, v * flight)
                for r in T.unroll(rows):
                    if tile * rows + r < n:
                        for b in T.unroll(flight):
                            out[tile * rows + r, lanes_of((v * flight + b) * BLOCK, BLOCK)] = end.stored(
                                added, before, tile * rows + r, (v * flight + b) * BLOCK, acc[b * rows + r], BLOCK
                            )

    return trimmed(linear, "added", "before")
