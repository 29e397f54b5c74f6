"""Matrix products of one row with activations of two terms: on x86 with 16 registers both terms share the work.

Decode is bound by memory only while arithmetic keeps up. Taken one after the other, two terms unpack weights and widen
scales twice, and what is unpacked does not fit the registers. Here a group of 32 weights meets both terms at once, and
the two sums become one number, in steps of the second term, before the weights' scale
(`lab.compile.cpu.kernels.products`).
"""

from __future__ import annotations

import functools
from typing import Any

from tvm.script import tirx as T

from lab.compile.cpu.isa import Isa
from lab.compile.cpu.kernels.dot import joins
from lab.compile.cpu.kernels.epilogue import Epilogue
from lab.compile.cpu.kernels.linear import AHEAD_BYTES, AHEAD_SCALES, quantised_linear
from lab.compile.cpu.kernels.products import Products
from lab.compile.tir.narrow import AS_IT_IS, Scaled
from lab.compile.tir.sizes import BLOCK, GROUP, divided
from lab.compile.tir.trim import trimmed
from lab.compile.tir.vec import Expr, fetch, lanes_of, splat, to_f32

PrimFunc = Any


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
    bias_rows: int = 0,
    ahead_bytes: int = AHEAD_BYTES,
) -> PrimFunc:
    """Return out[0, n] = (residual[0, n] +) sum over k of act[0, k] * weight[n, k] (+ bias[n]), for two terms.

    Arguments as those of `quantised_linear` with one tile of one row, encoded as `encoding_for` has it for two terms.
    """
    if joins(isa, bits) == "no":
        options: dict[str, Any] = {"residual": residual, "out_dtype": out_dtype, "scaled": scaled}
        options |= {"terms": 2, "bias_rows": bias_rows, "ahead_bytes": ahead_bytes}
        return quantised_linear(isa, bits, in_features, out_rows, 1, **options)
    groups, blocks = divided(in_features, GROUP), divided(out_rows, BLOCK)
    lanes, parts, group = isa.lanes, BLOCK // isa.lanes, Products(isa, bits)
    width, factors, sums = lanes * 4, group.factors, 1 if group.words else 2  # sums of a vector
    ahead = ahead_bytes // (64 * bits)
    end = Epilogue(residual, out_dtype, scaled, bias_rows)

    def word(acts: Any, g: Expr, term: Expr, step: Expr) -> Expr:
        return acts[0, 2 * g + step // 8, step % 8] if group.words else acts[0, 2 * g + term, step]

    def value(totals: Any, p: Expr, bias: Expr) -> Expr:
        """Return the float32 sum of a group for vector p of rows."""
        return group.alone(totals[p], bias) if sums == 1 else group.joined(totals[2 * p], totals[2 * p + 1], bias)

    @T.inline
    def meet(acts, q_weight, totals, v, g, j, which):
        for p in T.unroll(parts):
            for s in T.unroll(sums):
                totals[p * sums + s] = group.step(
                    totals[p * sums + s],
                    group.factor(q_weight[v, g, j, lanes_of(p * width, width)], which),
                    word(acts, g, s, j * factors + which),
                )

    @T.inline
    def one_group(acts, scale, bias, q_weight, q_scale, acc, v, g):
        totals = T.alloc_buffer((parts * sums,), group.sums)
        for i in T.unroll(parts * sums):
            totals[i] = group.first(bias[0, 2 * g + (2 - sums) + i % sums, 0])
        fetch(q_scale[v, g + AHEAD_SCALES, 0])
        for j in T.unroll(bits):
            fetch(q_weight[v, g + ahead, j, 0])
            meet(acts, q_weight, totals, v, g, j, 0)
            if factors == 2:
                meet(acts, q_weight, totals, v, g, j, 1)
        for p in T.unroll(parts):
            acc[p] = acc[p] + value(totals, p, bias[0, 2 * g + 1, 0]) * (
                to_f32(q_scale[v, g, lanes_of(p * lanes, lanes)], lanes) * splat(scale[0, 2 * g + 1, 0], lanes)
            )

    @T.inline
    def product(acts, scale, bias, q_weight, q_scale, added, before, out):
        for v in T.parallel(blocks):
            acc = T.alloc_buffer((parts,), f"float32x{lanes}")
            for p in T.unroll(parts):
                acc[p] = splat(T.float32(0), lanes)
            for g in T.serial(groups):
                one_group(acts, scale, bias, q_weight, q_scale, acc, v, g)
            for p in T.unroll(parts):
                out[0, lanes_of(v * BLOCK + p * lanes, lanes)] = end.stored(
                    added, before, 0, v * BLOCK + p * lanes, acc[p], lanes
                )

    @T.prim_func
    def row(
        acts: T.Buffer((1, groups * 2, 8), "int32"),
        scale: T.Buffer((1, groups * 2, 1), "float32"),
        bias: T.Buffer((1, groups * 2, 1), "int32"),
        q_weight: T.Buffer((blocks, groups, bits, 64), "uint8"),
        q_scale: T.Buffer((blocks, groups, BLOCK), "float16"),
        added: T.Buffer((bias_rows,), "float32"),
        before: T.Buffer((1, out_rows), "float32"),
        out: T.Buffer((1, out_rows), out_dtype),
    ):
        T.func_attr({"tirx.noalias": True, "op_pattern": 8})
        product(acts, scale, bias, q_weight, q_scale, added, before, out)

    return trimmed(row, "added", "before")
