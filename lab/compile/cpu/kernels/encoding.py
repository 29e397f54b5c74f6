"""How activations lie for a matrix product, and how a group of them is encoded.

Two encodings. `int8`: groups of 32 values as signed bytes with a float32 scale (absolute maximum / 127) and the
bias that undoes the unsigned weight offset. `float`: float32. Both interleave the rows of a tile, so that a product
reads them in order: 4 values of each row, or 8 for the matrix instruction. Rows past the end are zeros.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tvm import tirx
from tvm.script import tirx as T

from lab.compile.cpu.isa import Isa
from lab.compile.cpu.kernels.dot import STEPS_OF_REST, Join, joins, offset_of
from lab.compile.cpu.kernels.mmla import FLOAT_BITS, uses_mmla
from lab.compile.tir.sizes import GROUP, divided
from lab.compile.tir.vec import Expr, lanes_of, reduce_add, reduce_max, splat

LANES = 16
EVENS_FIRST = [4 * i + k for i in range(4) for k in (0, 2, 1, 3)]  # of each four
LEAST = 1e-36  # a group that stays below is zeros: the factor of its bytes would overflow


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
