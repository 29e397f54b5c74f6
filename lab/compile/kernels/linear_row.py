"""Matrix products of one row with activations of two terms: on x86 with 16 registers both terms share the work.

Decode is bound by memory only while arithmetic keeps up. Taken one after the other, two terms unpack weights and widen
scales twice, and what is unpacked does not fit the registers. Here a group of 32 weights meets both terms at once, and
the two sums become one number, in steps of the second term, before the weights' scale:

- `vpdpbusd`: an int32 sum for each term.
- `maddubs`, 4 bits: a pair of products is at most 2 * 15 * 127, so the eight steps of a group sum to 30480 and stay in
  16 bits. One widening a group takes the place of eight, and its factors, 254 and 1, join the terms.
- `maddubs`, 8 bits: pairs of bytes would overflow 16 bits. The terms are joined before the product: `vpmaddwd`
  multiplies activations of 16 bits by the weights' even and odd bytes.
"""

from __future__ import annotations

import functools
from typing import Any

from tvm.script import tirx as T

from lab.compile.isa import Isa
from lab.compile.kernels.dot import STEPS_OF_REST, dot_step, half, joins, madd_pairs, madd_words, spread
from lab.compile.kernels.linear import AHEAD_BYTES, AHEAD_SCALES, BLOCK, GROUP, quantised_linear
from lab.compile.kernels.narrow import AS_IT_IS, Scaled, written
from lab.compile.kernels.sizes import divided
from lab.compile.kernels.vec import Expr, fetch, lanes_of, splat, to_f32

PrimFunc = Any


class _Group:
    """How one ISA multiplies a group: what a load of weights is turned into, and what becomes of its sums."""

    def __init__(self, isa: Isa, bits: int) -> None:
        self.isa, self.bits, self.join = isa, bits, joins(isa, bits)
        self.words = self.join == "values"  # activations of 16 bits
        self.sums = 1 if self.words else 2
        self.factors = 2 if self.words or bits == 4 else 1  # vectors of factors that a load is unpacked to
        self.dtype = f"int16x{isa.lanes * 2}" if self.join == "bias" else f"int32x{isa.lanes}"
        self.factor_dtype = f"int16x{isa.lanes * 2}" if self.words else f"uint8x{isa.lanes * 4}"

    def factor(self, packed: Expr, which: int) -> Expr:
        """Return the weights that meet one activation word each, of a load of packed ones."""
        if self.words:
            pairs = T.reinterpret(f"uint16x{self.isa.lanes * 2}", packed)
            few = splat(T.uint16(255), self.isa.lanes * 2)
            part = T.shift_right(pairs, splat(T.uint16(8), self.isa.lanes * 2)) if which else pairs & few
            return T.reinterpret(self.factor_dtype, part)
        return half(self.isa, self.bits, packed, which) if self.factors == 2 else packed

    def activation(self, acts: Any, g: Expr, term: int, word: Expr) -> Expr:
        """Return the word that a factor meets, in every lane."""
        if self.words:
            return T.reinterpret(self.factor_dtype, T.Broadcast(acts[0, 2 * g + word // 8, word % 8], self.isa.lanes))
        return spread(self.isa, acts, 0, 2 * g + term, word)

    def first(self, bias: Any, g: Expr, term: int) -> Expr:
        """Return what a sum begins at."""
        if self.join == "bias":
            return splat(T.int16(0), self.isa.lanes * 2)
        return splat(bias[0, 2 * g + (1 if self.words else term), 0], self.isa.lanes)

    def step(self, total: Expr, factor: Expr, activation: Expr) -> Expr:
        """Return a sum with the products of a factor added."""
        if self.words:
            return total + madd_words(self.isa, factor, activation)
        if self.join == "bias":
            return total + madd_pairs(self.isa, factor, activation)
        return dot_step(self.isa, self.bits, total, factor, activation)

    def joined(self, first: Expr, second: Expr, bias: Any, g: Expr) -> Expr:
        """Return the group's sum in steps of the second term, as float32."""
        lanes = self.isa.lanes
        if self.words:
            return to_f32(first, lanes)
        if self.join == "bias":
            high = madd_words(self.isa, first, splat(T.int16(STEPS_OF_REST), 2 * lanes))
            low = madd_words(self.isa, second, splat(T.int16(1), 2 * lanes))
            return to_f32(high + low + splat(bias[0, 2 * g + 1, 0], lanes), lanes)
        return to_f32(first, lanes) * splat(T.float32(STEPS_OF_REST), lanes) + to_f32(second, lanes)


@functools.cache
def row_linear(
    isa: Isa,
    bits: int,
    in_features: int,
    out_rows: int,
    *,
    residual: bool,
    out_dtype: str,
    scaled: Scaled = AS_IT_IS,
) -> PrimFunc:
    """Return out[0, n] = (residual[0, n] +) sum over k of act[0, k] * weight[n, k], for activations of two terms.

    Arguments as those of `quantised_linear` with one tile of one row, encoded as `encoding_for` has it for two terms.
    """
    if joins(isa, bits) == "no":
        options: dict[str, Any] = {"residual": residual, "out_dtype": out_dtype, "terms": 2, "scaled": scaled}
        return quantised_linear(isa, bits, in_features, out_rows, 1, **options)
    groups, blocks = divided(in_features, GROUP), divided(out_rows, BLOCK)
    lanes, parts, group = isa.lanes, BLOCK // isa.lanes, _Group(isa, bits)
    width, factors, sums = lanes * 4, group.factors, group.sums
    ahead = AHEAD_BYTES // (64 * bits)

    @T.inline
    def meet(acts, q_weight, totals, v, g, j, which):
        for p in T.unroll(parts):
            for s in T.unroll(sums):
                totals[p * sums + s] = group.step(
                    totals[p * sums + s],
                    group.factor(q_weight[v, g, j, lanes_of(p * width, width)], which),
                    group.activation(acts, g, s, j * factors + which),
                )

    @T.inline
    def one_group(acts, scale, bias, q_weight, q_scale, acc, v, g):
        totals = T.alloc_buffer((parts * sums,), group.dtype)
        for i in T.unroll(parts * sums):
            totals[i] = group.first(bias, g, i % sums)
        fetch(q_scale[v, g + AHEAD_SCALES, 0])
        for j in T.unroll(bits):
            fetch(q_weight[v, g + ahead, j, 0])
            meet(acts, q_weight, totals, v, g, j, 0)
            if factors == 2:
                meet(acts, q_weight, totals, v, g, j, 1)
        for p in T.unroll(parts):
            acc[p] = acc[p] + group.joined(totals[p * sums], totals[p * sums + sums - 1], bias, g) * (
                to_f32(q_scale[v, g, lanes_of(p * lanes, lanes)], lanes) * splat(scale[0, 2 * g + 1, 0], lanes)
            )

    if residual:

        @T.prim_func
        def row_add(
            acts: T.Buffer((1, groups * 2, 8), "int32"),
            scale: T.Buffer((1, groups * 2, 1), "float32"),
            bias: T.Buffer((1, groups * 2, 1), "int32"),
            q_weight: T.Buffer((blocks, groups, bits, 64), "uint8"),
            q_scale: T.Buffer((blocks, groups, BLOCK), "float16"),
            before: T.Buffer((1, out_rows), "float32"),
            out: T.Buffer((1, out_rows), out_dtype),
        ):
            T.func_attr({"tirx.noalias": True, "op_pattern": 8})
            for v in T.parallel(blocks):
                acc = T.alloc_buffer((parts,), f"float32x{lanes}")
                for p in T.unroll(parts):
                    acc[p] = splat(T.float32(0), lanes)
                for g in T.serial(groups):
                    one_group(acts, scale, bias, q_weight, q_scale, acc, v, g)
                for p in T.unroll(parts):
                    out[0, lanes_of(v * BLOCK + p * lanes, lanes)] = (
                        before[0, lanes_of(v * BLOCK + p * lanes, lanes)] + acc[p]
                    )

        return row_add

    @T.prim_func
    def row(
        acts: T.Buffer((1, groups * 2, 8), "int32"),
        scale: T.Buffer((1, groups * 2, 1), "float32"),
        bias: T.Buffer((1, groups * 2, 1), "int32"),
        q_weight: T.Buffer((blocks, groups, bits, 64), "uint8"),
        q_scale: T.Buffer((blocks, groups, BLOCK), "float16"),
        out: T.Buffer((1, out_rows), out_dtype),
    ):
        T.func_attr({"tirx.noalias": True, "op_pattern": 8})
        for v in T.parallel(blocks):
            acc = T.alloc_buffer((parts,), f"float32x{lanes}")
            for p in T.unroll(parts):
                acc[p] = splat(T.float32(0), lanes)
            for g in T.serial(groups):
                one_group(acts, scale, bias, q_weight, q_scale, acc, v, g)
            for p in T.unroll(parts):
                out[0, lanes_of(v * BLOCK + p * lanes, lanes)] = written(
                    out_dtype, acc[p], lanes, v * BLOCK + p * lanes, scaled
                )

    return row
