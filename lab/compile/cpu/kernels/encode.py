"""Kernels that produce the activations a matrix product reads: normalise, activate or copy, then encode.

Each value is read twice at most: bound by memory.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from tvm.script import tirx as T

from lab.compile.cpu.kernels.encoding import LANES, Encoding, clear_group, quantise_group, scatter
from lab.compile.tir.sizes import GROUP, divided
from lab.compile.tir.trim import trimmed
from lab.compile.tir.vec import Expr, f32, gelu, gelu_tanh, lanes_of, quick_gelu, reduce_fadd, silu, splat, to_f32
from lab.models.activation import Activation
from lab.models.family import NormKind

PrimFunc = Any
Value = Callable[[Any, Expr, Expr], Expr]


def copied(source: Any, row: Expr, k: Expr) -> Expr:
    """Return 16 values as they stand, as float32."""
    return to_f32(source[row, lanes_of(k, LANES)], LANES)


@functools.cache
def activated(activation: Activation, features: int) -> Value:
    """Return the value function of an activation; where it is gated, a row holds `features` gates, then as many ups."""

    def gate_and_up(source: Any, row: Expr, k: Expr) -> Expr:
        gate, up = source[row, lanes_of(k, LANES)], source[row, lanes_of(k + features, LANES)]
        if activation.name != "gegelu":
            return _FUNCTIONS[activation.name](gate, LANES) * up
        if activation.limit is not None:
            most = f32(activation.limit, LANES)
            gate, up = T.min(gate, most), T.max(T.min(up, most), f32(-activation.limit, LANES))
        return quick_gelu(gate, LANES) * (up + f32(1.0, LANES))

    def alone(source: Any, row: Expr, k: Expr) -> Expr:
        return _FUNCTIONS[activation.name](source[row, lanes_of(k, LANES)], LANES)

    return gate_and_up if activation.gated else alone


_FUNCTIONS = {"silu": silu, "gelu": gelu, "gelu_tanh": gelu_tanh}


@T.inline
def inverse_rms(source, out, row, features, eps):
    """Put 1 / sqrt(mean of squares + eps) of a row into out[0]."""
    total = T.alloc_buffer((1,), "float32x16")
    total[0] = splat(T.float32(0), LANES)
    for k in T.serial(divided(features, LANES)):
        total[0] = total[0] + (source[row, lanes_of(k * LANES, LANES)] * source[row, lanes_of(k * LANES, LANES)])
    out[0] = T.float32(1) / T.sqrt(reduce_fadd(total[0]) * T.float32(1.0 / features) + T.float32(eps))


@T.inline
def mean_and_inverse(source, out, row, features, eps):
    """Put 1 / sqrt(variance + eps) of a row into out[0], its mean into out[1].

    Twice over a row that lies in the first cache: mean of squares minus square of mean would lose what a large mean has
    in front of the variance.
    """
    total = T.alloc_buffer((2,), "float32x16")
    total[0] = splat(T.float32(0), LANES)
    for k in T.serial(divided(features, LANES)):
        total[0] = total[0] + source[row, lanes_of(k * LANES, LANES)]
    out[1] = reduce_fadd(total[0]) * T.float32(1.0 / features)
    total[0] = splat(T.float32(0), LANES)
    for k in T.serial(divided(features, LANES)):
        total[1] = source[row, lanes_of(k * LANES, LANES)] - splat(out[1], LANES)
        total[0] = total[0] + total[1] * total[1]
    out[0] = T.float32(1) / T.sqrt(reduce_fadd(total[0]) * T.float32(1.0 / features) + T.float32(eps))


@functools.cache
def normalised(
    encoding: Encoding, features: int, eps: float, *, last_row: bool = False, kind: NormKind = "rms"
) -> PrimFunc:
    """Return the norm of float32 [rows, features] with float32 weights [features], encoded.

    LayerNorm takes float32 biases [features] after the weights. With `last_row`, only the last row is taken and the one
    tile has one row.
    """
    rows, quantised = encoding.tile_rows, encoding.kind == "int8"
    groups, vectors = divided(features, GROUP), divided(features, LANES)
    loop = T.serial if rows == 1 else T.parallel

    layer = kind == "layer"

    def value(source: Any, weight: Any, shift: Any, stats: Any, row: Expr, k: Expr) -> Expr:
        if not layer:
            return source[row, lanes_of(k, LANES)] * splat(stats[0], LANES) * weight[lanes_of(k, LANES)]
        centred = source[row, lanes_of(k, LANES)] - splat(stats[1], LANES)
        return centred * splat(stats[0], LANES) * weight[lanes_of(k, LANES)] + shift[lanes_of(k, LANES)]

    @T.inline
    def look_at(source, stats, row):
        if layer:
            mean_and_inverse(source, stats, row, features, eps)
        else:
            inverse_rms(source, stats, row, features, eps)

    if quantised:

        @T.prim_func
        def norm_int8(
            source_handle: T.handle,
            weight: T.Buffer((features,), "float32"),
            shift: T.Buffer((features,), "float32"),
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
                    inverse = T.alloc_buffer((2 if layer else 1,), "float32")
                    row: T.let[T.int64] = (n - 1) if last_row else (tile * rows + r)
                    if row < n:
                        look_at(source, inverse, row)
                        for g in T.serial(groups):
                            quantise_group(
                                acts,
                                scale,
                                bias,
                                value(source, weight, shift, inverse, row, g * GROUP),
                                value(source, weight, shift, inverse, row, g * GROUP + LANES),
                                tile,
                                g,
                                r,
                                encoding,
                            )
                    else:
                        for g in T.serial(groups):
                            clear_group(acts, scale, bias, tile, g, r, encoding)

        return trimmed(norm_int8, "shift")

    @T.prim_func
    def norm_float(
        source_handle: T.handle,
        weight: T.Buffer((features,), "float32"),
        shift: T.Buffer((features,), "float32"),
        acts_handle: T.handle,
    ):
        T.func_attr({"tirx.noalias": True, "op_pattern": 8})
        n = T.int64()
        tiles = T.int64()
        source = T.match_buffer(source_handle, (n, features), "float32")
        acts = T.match_buffer(acts_handle, (tiles, features, rows), "float32")
        for tile in loop(tiles):
            for r in T.serial(rows):
                inverse = T.alloc_buffer((2 if layer else 1,), "float32")
                row: T.let[T.int64] = (n - 1) if last_row else (tile * rows + r)
                if row < n:
                    look_at(source, inverse, row)
                    for k in T.serial(vectors):
                        scatter(acts, value(source, weight, shift, inverse, row, k * LANES), tile, k * LANES, r)
                else:
                    for k in T.serial(features):
                        acts[tile, k, r] = T.float32(0)

    return trimmed(norm_float, "shift")


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
