"""Kernels that produce the activations a matrix product reads: normalise, gate or copy, then encode.

Each value is read twice at most: bound by memory.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from tvm.script import tirx as T

from lab.compile.cpu.kernels.encoding import LANES, Encoding, clear_group, quantise_group, scatter
from lab.compile.tir.sizes import GROUP, divided
from lab.compile.tir.vec import Expr, lanes_of, reduce_fadd, silu, splat, to_f32

PrimFunc = Any
Value = Callable[[Any, Expr, Expr], Expr]


def copied(source: Any, row: Expr, k: Expr) -> Expr:
    """Return 16 values as they stand, as float32."""
    return to_f32(source[row, lanes_of(k, LANES)], LANES)


@functools.cache
def gated(features: int) -> Value:
    """Return the value function of silu(gate) * up, where a row holds `features` gates, then as many ups."""

    def value(source: Any, row: Expr, k: Expr) -> Expr:
        gate = source[row, lanes_of(k, LANES)]
        return silu(gate, LANES) * source[row, lanes_of(k + features, LANES)]

    return value


@T.inline
def inverse_rms(source, out, row, features, eps):
    """Put 1 / sqrt(mean of squares + eps) of a row into out[0]."""
    total = T.alloc_buffer((1,), "float32x16")
    total[0] = splat(T.float32(0), LANES)
    for k in T.serial(divided(features, LANES)):
        total[0] = total[0] + (source[row, lanes_of(k * LANES, LANES)] * source[row, lanes_of(k * LANES, LANES)])
    out[0] = T.float32(1) / T.sqrt(reduce_fadd(total[0]) * T.float32(1.0 / features) + T.float32(eps))


@functools.cache
def normalised(encoding: Encoding, features: int, eps: float, *, last_row: bool = False) -> PrimFunc:
    """Return RMSNorm of float32 [rows, features] with float32 weights [features], encoded.

    With `last_row`, only the last row is taken and the one tile has one row.
    """
    rows, quantised = encoding.tile_rows, encoding.kind == "int8"
    groups, vectors = divided(features, GROUP), divided(features, LANES)
    loop = T.serial if rows == 1 else T.parallel

    def value(source: Any, weight: Any, inverse: Any, row: Expr, k: Expr) -> Expr:
        return source[row, lanes_of(k, LANES)] * splat(inverse[0], LANES) * weight[lanes_of(k, LANES)]

    if quantised:

        @T.prim_func
        def norm_int8(
            source_handle: T.handle,
            weight: T.Buffer((features,), "float32"),
            acts_handle: T.handle,
            scale_handle: T.handle,
            bias_handle: T.handle,
        ):
            T.func_attr({"tirx.noalias": True, "op_pattern": 8})
            n = T.int64()
            tiles = T.int64()
            source = T.match_buffer(source_handle, (n, features), "float32")
            acts = T.match_buffer(acts_handle, (tiles, groups * encoding.terms, GROUP // 4 * rows), "int32")
            scale = T.match_buffer(scale_handle, (tiles, groups * encoding.terms, rows * encoding.words), "float32")
            bias = T.match_buffer(bias_handle, (tiles, groups * encoding.terms, rows * encoding.words), "int32")
            for tile in loop(tiles):
                for r in T.serial(rows):
                    inverse = T.alloc_buffer((1,), "float32")
                    row: T.let[T.int64] = (n - 1) if last_row else (tile * rows + r)
                    if row < n:
                        inverse_rms(source, inverse, row, features, eps)
                        for g in T.serial(groups):
                            quantise_group(
                                acts,
                                scale,
                                bias,
                                value(source, weight, inverse, row, g * GROUP),
                                value(source, weight, inverse, row, g * GROUP + LANES),
                                tile,
                                g,
                                r,
                                encoding,
                            )
                    else:
                        for g in T.serial(groups):
                            clear_group(acts, scale, bias, tile, g, r, encoding)

        return norm_int8

    @T.prim_func
    def norm_float(source_handle: T.handle, weight: T.Buffer((features,), "float32"), acts_handle: T.handle):
        T.func_attr({"tirx.noalias": True, "op_pattern": 8})
        n = T.int64()
        tiles = T.int64()
        source = T.match_buffer(source_handle, (n, features), "float32")
        acts = T.match_buffer(acts_handle, (tiles, features, rows), "float32")
        for tile in loop(tiles):
            for r in T.serial(rows):
                inverse = T.alloc_buffer((1,), "float32")
                row: T.let[T.int64] = (n - 1) if last_row else (tile * rows + r)
                if row < n:
                    inverse_rms(source, inverse, row, features, eps)
                    for k in T.serial(vectors):
                        scatter(acts, value(source, weight, inverse, row, k * LANES), tile, k * LANES, r)
                else:
                    for k in T.serial(features):
                        acts[tile, k, r] = T.float32(0)

    return norm_float


@functools.cache
def encoded(encoding: Encoding, features: int, source_features: int, value: Value, source_dtype: str) -> PrimFunc:
    """Return [rows, source_features] turned into [rows, features] by `value`, encoded."""
    rows, groups, vectors = encoding.tile_rows, divided(features, GROUP), divided(features, LANES)
    loop = T.serial if rows == 1 else T.parallel

    if encoding.kind == "int8":

        @T.prim_func
        def encode_int8(source_handle: T.handle, acts_handle: T.handle, scale_handle: T.handle, bias_handle: T.handle):
            T.func_attr({"tirx.noalias": True, "op_pattern": 8})
            n = T.int64()
            tiles = T.int64()
            source = T.match_buffer(source_handle, (n, source_features), source_dtype)
            acts = T.match_buffer(acts_handle, (tiles, groups * encoding.terms, GROUP // 4 * rows), "int32")
            scale = T.match_buffer(scale_handle, (tiles, groups * encoding.terms, rows * encoding.words), "float32")
            bias = T.match_buffer(bias_handle, (tiles, groups * encoding.terms, rows * encoding.words), "int32")
            for tile in loop(tiles):
                for r in T.serial(rows):
                    row: T.let[T.int64] = tile * rows + r
                    if row < n:
                        for g in T.serial(groups):
                            quantise_group(
                                acts,
                                scale,
                                bias,
                                value(source, row, g * GROUP),
                                value(source, row, g * GROUP + LANES),
                                tile,
                                g,
                                r,
                                encoding,
                            )
                    else:
                        for g in T.serial(groups):
                            clear_group(acts, scale, bias, tile, g, r, encoding)

        return encode_int8

    @T.prim_func
    def encode_float(source_handle: T.handle, acts_handle: T.handle):
        T.func_attr({"tirx.noalias": True, "op_pattern": 8})
        n = T.int64()
        tiles = T.int64()
        source = T.match_buffer(source_handle, (n, source_features), source_dtype)
        acts = T.match_buffer(acts_handle, (tiles, features, rows), "float32")
        for tile in loop(tiles):
            for r in T.serial(rows):
                row: T.let[T.int64] = tile * rows + r
                if row < n:
                    for k in T.serial(vectors):
                        scatter(acts, value(source, row, k * LANES), tile, k * LANES, r)
                else:
                    for k in T.serial(features):
                        acts[tile, k, r] = T.float32(0)

    return encode_float
