"""Norms whose results are kept as they are: of rows, and of the heads of queries and keys.

Other norms are part of the encoding that a product reads (encode). Bound by memory.
"""

from __future__ import annotations

import functools
from typing import Any

from tvm.script import tirx as T

from lab.compile.tir.sizes import divided, fitting_vector
from lab.compile.tir.vec import Expr, cast, f32, lanes_of, reduce_fadd, splat

PrimFunc = Any
LANES = 16


@functools.cache
def _moments(features: int, eps: float, *, centred: bool) -> Any:
    """Return what puts the mean of `source[place]` (0 unless `centred`) and 1 / sqrt(variance + eps) into stats."""
    width = fitting_vector(features, LANES)
    vectors = divided(features, width)

    def part(source: Any, place: tuple[Expr, ...], j: Expr) -> Expr:
        return source[(*place, lanes_of(j * width, width))]

    def summed(vector: Expr) -> Expr:
        return reduce_fadd(vector) if width > 1 else vector

    @T.inline
    def moments(source, place, stats):
        stats[0] = T.float32(0)
        if centred:
            for j in T.serial(vectors):
                stats[0] = stats[0] + summed(part(source, place, j))
            stats[0] = stats[0] * T.float32(1.0 / features)
        stats[1] = T.float32(0)
        for j in T.serial(vectors):
            stats[1] = stats[1] + summed(
                (part(source, place, j) - splat(stats[0], width)) * (part(source, place, j) - splat(stats[0], width))
            )
        stats[1] = T.float32(1) / T.sqrt(stats[1] * T.float32(1.0 / features) + T.float32(eps))

    return moments


@functools.cache
def normalised_rows(kind: str, features: int, eps: float, *, residual: bool) -> PrimFunc:
    """Return the norm of each row of float32 [rows, features], and the residual added to it where there is one.

    Arguments: rows, weight [features], bias [features] of a `kind` "layer", residual, out.
    """
    width = fitting_vector(features, LANES)
    vectors, layer = divided(features, width), kind == "layer"
    moments = _moments(features, eps, centred=layer)

    def scaled(source: Any, weight: Any, stats: Any, row: Expr, j: Expr) -> Expr:
        at = lanes_of(j * width, width)
        return (source[row, at] - splat(stats[0], width)) * splat(stats[1], width) * weight[at]

    @T.prim_func
    def rms(source_handle: T.handle, weight: T.Buffer((features,), "float32"), out_handle: T.handle):
        T.func_attr({"tirx.noalias": True, "op_pattern": 8})
        n = T.int64()
        source = T.match_buffer(source_handle, (n, features), "float32")
        out = T.match_buffer(out_handle, (n, features), "float32")
        for row in T.parallel(n):
            stats = T.alloc_buffer((2,), "float32")
            moments(source, (row,), stats)
            for j in T.serial(vectors):
                out[row, lanes_of(j * width, width)] = scaled(source, weight, stats, row, j)

    @T.prim_func
    def rms_added(
        source_handle: T.handle, weight: T.Buffer((features,), "float32"), more_handle: T.handle, out_handle: T.handle
    ):
        T.func_attr({"tirx.noalias": True, "op_pattern": 8})
        n = T.int64()
        source = T.match_buffer(source_handle, (n, features), "float32")
        more = T.match_buffer(more_handle, (n, features), "float32")
        out = T.match_buffer(out_handle, (n, features), "float32")
        for row in T.parallel(n):
            stats = T.alloc_buffer((2,), "float32")
            moments(source, (row,), stats)
            for j in T.serial(vectors):
                out[row, lanes_of(j * width, width)] = (
                    scaled(source, weight, stats, row, j) + more[row, lanes_of(j * width, width)]
                )

    @T.prim_func
    def layer_norm(
        source_handle: T.handle,
        weight: T.Buffer((features,), "float32"),
        bias: T.Buffer((features,), "float32"),
        out_handle: T.handle,
    ):
        T.func_attr({"tirx.noalias": True, "op_pattern": 8})
        n = T.int64()
        source = T.match_buffer(source_handle, (n, features), "float32")
        out = T.match_buffer(out_handle, (n, features), "float32")
        for row in T.parallel(n):
            stats = T.alloc_buffer((2,), "float32")
            moments(source, (row,), stats)
            for j in T.serial(vectors):
                out[row, lanes_of(j * width, width)] = (
                    scaled(source, weight, stats, row, j) + bias[lanes_of(j * width, width)]
                )

    if layer:
        if residual:
            raise ValueError("no network adds a LayerNorm to a residual")
        return layer_norm
    return rms_added if residual else rms


@functools.cache
def normalised_heads(heads: int, kv_heads: int, head_dim: int, eps: float, factor: float, dtype: str) -> PrimFunc:
    """Return fused rows float32 [n, heads + 2 kv_heads, D] as `dtype`, with LayerNorm of each query and each key.

    Arguments: rows, weight and bias [D] of the queries, then of the keys, out. Queries are then times `factor`.
    """
    width, fused = fitting_vector(head_dim, LANES), heads + 2 * kv_heads
    vectors = divided(head_dim, width)
    moments = _moments(head_dim, eps, centred=True)

    @T.inline
    def one(source, weight, bias, out, row, head, times):
        stats = T.alloc_buffer((2,), "float32")
        moments(source, (row, head), stats)
        for j in T.serial(vectors):
            out[row, head, lanes_of(j * width, width)] = cast(
                dtype,
                (
                    (source[row, head, lanes_of(j * width, width)] - splat(stats[0], width))
                    * splat(stats[1], width)
                    * weight[lanes_of(j * width, width)]
                    + bias[lanes_of(j * width, width)]
                )
                * f32(times, width),
                width,
            )

    @T.prim_func
    def norm_heads(
        source_handle: T.handle,
        q_weight: T.Buffer((head_dim,), "float32"),
        q_bias: T.Buffer((head_dim,), "float32"),
        k_weight: T.Buffer((head_dim,), "float32"),
        k_bias: T.Buffer((head_dim,), "float32"),
        out_handle: T.handle,
    ):
        T.func_attr({"tirx.noalias": True, "op_pattern": 8})
        n = T.int64()
        source = T.match_buffer(source_handle, (n, fused, head_dim), "float32")
        out = T.match_buffer(out_handle, (n, fused, head_dim), dtype)
        for row in T.parallel(n):
            for head in T.serial(heads):
                one(source, q_weight, q_bias, out, row, head, factor)
            for head in T.serial(kv_heads):
                one(source, k_weight, k_bias, out, row, head + heads, 1.0)
            for head in T.serial(kv_heads):
                for j in T.serial(vectors):
                    out[row, head + (heads + kv_heads), lanes_of(j * width, width)] = cast(
                        dtype, source[row, head + (heads + kv_heads), lanes_of(j * width, width)], width
                    )

    return norm_heads
