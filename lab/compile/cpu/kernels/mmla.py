"""Prefill products by ARM's matrix instruction: 2 rows of weights by 2 rows of activations, 8 values deep.

usmmla keeps four sums in a vector: [w0a0, w0a1, w1a0, w1a1]. So a vector of four weight rows and two activation rows
are two vectors of sums, and stay so, scales included, until all of K is done. What comes with the activations lies as
it meets the sums, [a0, a1, a0, a1], so that a load is all it takes.

A sum begins at the bits of the float 1.5 * 2**23. What is added to them is added to the float, as long as it is under
2**22; 32 * 255 * 127 is. So a subtraction makes a float of a sum, on any of the vector pipes, where a conversion would
take two turns of one that only half of them have.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tvm import tirx
from tvm.script import tirx as T

from lab.compile.cpu.isa import Isa
from lab.compile.tir.sizes import BLOCK
from lab.compile.tir.vec import Expr, lanes_of, splat, to_f32

FLOAT = 1.5 * 2**23
FLOAT_BITS = 0x4B400000
LANES = 4  # sums of a vector
PARTS = BLOCK // LANES


def uses_mmla(isa: Isa, tile_rows: int) -> bool:
    """Whether products of so many rows go through the matrix instruction, which takes rows two by two."""
    return isa.dot == "usmmla" and tile_rows > 1


def weight_pair(low: Expr, high: Expr, which: Expr) -> Expr:
    """Return rows 2*which and 2*which + 1, 8 values of each, of two vectors with 4 values of four rows."""
    words = [T.reinterpret("int32x4", low), T.reinterpret("int32x4", high)]
    return T.reinterpret("uint8x16", tirx.Shuffle(words, [2 * which, 4 + 2 * which, 1 + 2 * which, 5 + 2 * which]))


def mmla(acc: Expr, weights: Expr, acts: Expr) -> Expr:
    """Return acc + weights (2 x 8 unsigned) times acts (2 x 8 signed) transposed."""
    name = "llvm.aarch64.neon.usmmla.v4i32.v16i8"
    return T.call_llvm_pure_intrin("int32x4", name, acc, weights, T.reinterpret("int8x16", acts))


def act_pair(values: Any, tile: Expr, g: Expr, pair: Expr) -> Expr:
    """Return the values of activation rows 2*pair and 2*pair + 1, as they meet the sums."""
    return values[tile, g, lanes_of(4 * pair, 4)]


def to_float(sums: Expr) -> Expr:
    """Return the sums as float32."""
    return T.reinterpret("float32x4", sums) - splat(T.float32(FLOAT), 4)


def scale_pair(scales: Expr, which: Expr) -> Expr:
    """Return the scales of weight rows 2*which and 2*which + 1, of four, as they meet the sums."""
    return tirx.Shuffle([scales], [2 * which, 2 * which, 2 * which + 1, 2 * which + 1])


def row_of(low: Expr, high: Expr, odd: Expr) -> Expr:
    """Return one activation row's results for four weight rows, out of both vectors of sums of its pair."""
    return tirx.Shuffle([low, high], [odd, 2 + odd, 4 + odd, 6 + odd])


def pair_group(rows: int, flight: int, terms: int, eights: Callable[[Any, Expr, Expr, Expr, int], Expr]) -> Any:
    """Return the step that adds one group of 32 of K to the sums of `rows` rows and `flight` vectors of weights.

    `eights(q_weight, vector, group, j, which)` is half of 8 values of four rows.
    """

    @T.inline
    def one_group(acts, scale, bias, q_weight, q_scale, acc, ints, tile, g, term, first):
        for b in T.unroll(flight):
            for i in T.unroll(rows):
                ints[b * rows + i] = act_pair(bias, tile, g * terms + term, i // 2)
            for j in T.unroll(4):
                weights = T.alloc_buffer((2,), "uint8x16")
                for w in T.unroll(2):
                    weights[w] = weight_pair(
                        eights(q_weight, first + b, g, j, 0), eights(q_weight, first + b, g, j, 1), w
                    )
                for i in T.unroll(rows // 2):
                    for w in T.unroll(2):
                        ints[b * rows + 2 * i + w] = mmla(
                            ints[b * rows + 2 * i + w],
                            weights[w],
                            acts[tile, g * terms + term, lanes_of((j * rows + 2 * i) * 2, 4)],
                        )
            for i in T.unroll(rows // 2):
                for w in T.unroll(2):
                    acc[b * rows + 2 * i + w] = acc[b * rows + 2 * i + w] + to_float(ints[b * rows + 2 * i + w]) * (
                        scale_pair(
                            to_f32(
                                q_scale[(first + b) // PARTS, g, lanes_of((first + b) % PARTS * LANES, LANES)], LANES
                            ),
                            w,
                        )
                        * act_pair(scale, tile, g * terms + term, i)
                    )

    return one_group
