"""Kernels that produce the activations a matrix product reads: normalise, gate or copy, then encode.

Two encodings. `int8`: groups of 32 values as signed bytes with a float32 scale (absolute maximum / 127) and the
bias that undoes the unsigned weight offset. `float`: float32. Both interleave the rows of a tile, so that a product
reads them in order: 4 values of each row, or 8 for the matrix instruction. Rows past the end are zeros. Each value is
read twice at most: bound by memory.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from tvm import tirx
from tvm.script import tirx as T

from lab.compile.cpu.isa import Isa
from lab.compile.cpu.kernels.dot import STEPS_OF_REST, Join, joins, offset_of
from lab.compile.cpu.kernels.linear import uses_mmla
from lab.compile.cpu.kernels.mmla import FLOAT_BITS
from lab.compile.tir.sizes import GROUP, divided
from lab.compile.tir.vec import Expr, lanes_of, reduce_add, reduce_fadd, reduce_max, silu, splat, to_f32

LANES = 16
EVENS_FIRST = [4 * i + k for i in range(4) for k in (0, 2, 1, 3)]  # of each four
LEAST = 1e-36  # a group that stays below is zeros: the factor of its bytes would overflow
PrimFunc = Any
Value = Callable[[Any, Expr, Expr], Expr]


@dataclass(frozen=True)
class Encoding:
    """How activations are laid out: tiles of `tile_rows`; `int8` ones know the weights' unsigned `offset`.

    Bytes come in words of 4; `words` of them, along K, lie together before the next row's. Scales and biases of so many
    rows come as often, one copy after the other. `start` is added to each bias. With two `terms` each group is followed
    by another of what its rounding left over, in steps 254 times as small: bytes twice are as good as 16 bits.

    `join` is how a product joins the two (`dot.joins`). "bias": the second's bias is that of both. "values": a group
    and the next hold 32 values of 16 bits, of each four the third before the second; only the second has a scale and a
    bias.
    """

    tile_rows: int
    kind: Literal["int8", "float"]
    offset: int = 0
    words: int = 1
    start: int = 0
    terms: int = 1
    join: Join = "no"

    def word(self, j: Expr, r: Expr) -> Expr:
        """Return where word j of a group of row r lies among the group's words."""
        return (j // self.words * self.tile_rows + r) * self.words + j % self.words

    def copy(self, r: Expr, which: Expr) -> Expr:
        """Return where a copy of row r's scale and bias lies among the group's."""
        return (r // self.words * self.words + which) * self.words + r % self.words

    def shapes(self, tiles: Expr, features: int) -> list[tuple[list[Expr], str]]:
        """Return shape and dtype of each tensor that the encoding makes of [rows, features]."""
        if self.kind == "float":
            return [([tiles, features, self.tile_rows], "float32")]
        groups = divided(features, GROUP) * self.terms
        return [
            ([tiles, groups, GROUP // 4 * self.tile_rows], "int32"),
            ([tiles, groups, self.tile_rows * self.words], "float32"),
            ([tiles, groups, self.tile_rows * self.words], "int32"),
        ]


def encoding_for(isa: Isa, bits: int, *, one_row: bool, terms: int = 1) -> Encoding:
    """Return how activations must lie for products with weights of so many bits; 16 and 32 are floats, of one term."""
    if bits > 8:
        return Encoding(1 if one_row else isa.float_rows, "float")
    rows = 1 if one_row else isa.tile_rows
    if uses_mmla(isa, rows):
        return Encoding(rows, "int8", offset_of(isa, bits), words=2, start=FLOAT_BITS, terms=terms)
    join = joins(isa, bits)
    if join == "values" and not one_row:
        terms = 2  # many rows take no longer with both
    return Encoding(rows, "int8", offset_of(isa, bits), terms=terms, join=join if terms == 2 else "no")


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


def magnitude(value: Expr) -> Expr:
    """Return |value|, 16 of float32, as bits: their order is that of integers, whose greatest takes no care of NaN."""
    return T.reinterpret("int32x16", value) & splat(T.int32(0x7FFFFFFF), LANES)


@T.inline
def store_term(acts, scale, bias, values, factor, tile, g, r, encoding):
    """Store 32 values, rounded to bytes that stand for them in steps of `factor`."""
    ints = T.alloc_buffer((2,), "int32x16")
    bytes_ = T.alloc_buffer((GROUP,), "int8")
    words = T.decl_buffer((GROUP // 4,), "int32", data=bytes_.data)
    ints[0] = T.Cast("int32x16", T.nearbyint(values[0]))
    ints[1] = T.Cast("int32x16", T.nearbyint(values[1]))
    bytes_[lanes_of(0, LANES)] = T.Cast("int8x16", ints[0])
    bytes_[lanes_of(LANES, LANES)] = T.Cast("int8x16", ints[1])
    for j in T.unroll(GROUP // 4):
        acts[tile, g, encoding.word(j, r)] = words[j]
    for c in T.unroll(encoding.words):
        scale[tile, g, encoding.copy(r, c)] = factor
        bias[tile, g, encoding.copy(r, c)] = T.int32(-encoding.offset) * reduce_add(
            ints[0] + ints[1], "int32"
        ) + T.int32(encoding.start)


@T.inline
def store_values(acts, scale, bias, values, factor, tile, g, r, encoding):
    """Store 32 values, rounded to 16 bits in steps of `factor`."""
    ints = T.alloc_buffer((2,), "int32x16")
    shorts = T.alloc_buffer((GROUP,), "int16")
    words = T.decl_buffer((GROUP // 2,), "int32", data=shorts.data)
    for i in T.unroll(2):
        ints[i] = T.Cast("int32x16", T.nearbyint(values[i]))
        shorts[lanes_of(i * LANES, LANES)] = tirx.Shuffle([T.Cast("int16x16", ints[i])], EVENS_FIRST)
    for j in T.unroll(GROUP // 2):
        acts[tile, g + j // 8, encoding.word(j % 8, r)] = words[j]
    scale[tile, g + 1, r] = factor
    bias[tile, g + 1, r] = T.int32(-encoding.offset) * reduce_add(ints[0] + ints[1], "int32")


@T.inline
def quantise_group(acts, scale, bias, low, high, tile, g, r, encoding):
    """Encode 32 values, two vectors of 16, as row r of group g of a tile."""
    peak = T.alloc_buffer((1,), "float32")
    inverse = T.alloc_buffer((1,), "float32")
    rest = T.alloc_buffer((2,), "float32x16")
    rest[0] = low
    rest[1] = high
    peak[0] = T.reinterpret("float32", reduce_max(T.max(magnitude(rest[0]), magnitude(rest[1])), "int32"))
    inverse[0] = T.if_then_else(peak[0] > T.float32(LEAST), T.float32(127) / peak[0], T.float32(0))
    rest[0] = rest[0] * splat(inverse[0], LANES)
    rest[1] = rest[1] * splat(inverse[0], LANES)
    factor: T.let[T.float32] = peak[0] * T.float32(1.0 / 127.0 / STEPS_OF_REST)
    if encoding.join == "values":
        for i in T.unroll(2):
            rest[i] = rest[i] * splat(T.float32(STEPS_OF_REST), LANES)
        store_values(acts, scale, bias, rest, factor, tile, g * 2, r, encoding)
    else:
        store_term(acts, scale, bias, rest, peak[0] * T.float32(1.0 / 127.0), tile, g * encoding.terms, r, encoding)
        if encoding.terms == 2:
            for i in T.unroll(2):
                rest[i] = (rest[i] - T.nearbyint(rest[i])) * splat(T.float32(STEPS_OF_REST), LANES)
            store_term(acts, scale, bias, rest, factor, tile, g * encoding.terms + 1, r, encoding)
    if encoding.join == "bias":
        bias[tile, g * 2 + 1, r] = bias[tile, g * 2, r] * T.int32(STEPS_OF_REST) + bias[tile, g * 2 + 1, r]


@T.inline
def clear_group(acts, scale, bias, tile, g, r, encoding):
    """Encode 32 zeros for a row past the end."""
    for t in T.unroll(encoding.terms):
        for j in T.unroll(GROUP // 4):
            acts[tile, g * encoding.terms + t, encoding.word(j, r)] = T.int32(0)
        for c in T.unroll(encoding.words):
            scale[tile, g * encoding.terms + t, encoding.copy(r, c)] = T.float32(0)
            bias[tile, g * encoding.terms + t, encoding.copy(r, c)] = T.int32(encoding.start)


@T.inline
def scatter(acts, value, tile, k, r):
    """Store 16 float32 values as row r of a tile."""
    lane = T.alloc_buffer((LANES,), "float32")
    lane[lanes_of(0, LANES)] = value
    for i in T.unroll(LANES):
        acts[tile, k + i, r] = lane[i]


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
