"""The products of the instruction sets: int8 dot products, and float16 products that add to float32.

Here is how weights reach the dot products, what is kept for a group and what it comes to. Weights lie as unsigned bytes
or nibbles (offset 128 or 8). x86's instructions and ARM's usdot take them as they are; sdot and smull are signed:
nibbles are small enough to be both, bytes have their top bit turned, which takes the offset away. Sums begin at minus
the offset times the sum of the activations, so that the offset costs nothing.

ARM's fmlal multiplies float16 and adds to float32 in one instruction: 4 of them for 32 bytes of float16, where
conversions first would make it 8. Products are exact in float32.
"""

from __future__ import annotations

from typing import Any, Literal

from tvm import tirx
from tvm.script import tirx as T

from lab.compile.cpu.isa import Isa
from lab.compile.tir.vec import Expr, lanes_of, splat, to_f32

SIGNED = ("sdot", "smull")
WIDTH = 16  # values of float16 whose products are added at once
STEPS_OF_REST = 254  # of a second term in one step of the first, whose rounding leaves half a step either way
Join = Literal["no", "sums", "bias", "values"]


def joins(isa: Isa, bits: int) -> Join:
    """Return how products of one row join their two terms: not at all, as float sums, as int sums with one bias, or
    before the product, as values of 16 bits."""
    if isa.dot == "vpdpbusd" and isa.lanes < 16:
        return "sums"
    if isa.dot == "maddubs":
        return "bias" if bits == 4 else "values"
    return "no"


def offset_of(isa: Isa, bits: int) -> int:
    """Return what is added to each weight where the products see it."""
    if bits == 4:
        return 8
    return 0 if isa.dot in SIGNED else 128


def halves_of(isa: Isa, bits: int) -> int:
    """Return in how many parts a load of packed weights meets the dot instruction.

    Nibbles are two. Bytes are one, but two for the pair instruction, whose 16-bit sums could overflow.
    """
    return 1 if bits == 8 and isa.dot != "maddubs" else 2


def half(isa: Isa, bits: int, packed: Expr, which: int) -> Expr:
    """Return part `which` of packed bytes: each byte a weight plus `offset_of`, or a share of one."""
    width = isa.lanes * 4
    if bits == 8 and isa.dot in SIGNED:
        return packed ^ splat(T.uint8(128), width)
    if bits == 8:
        return packed & splat(T.uint8(128 if which else 127), width) if isa.dot == "maddubs" else packed
    return T.shift_right(packed, splat(T.uint8(4), width)) if which else packed & splat(T.uint8(15), width)


def parts_of(isa: Isa) -> int:
    """Return how many vectors hold the sums of one vector of rows: smull's are twice as wide as its factors."""
    return 2 if isa.dot == "smull" else 1


def sums_dtype(isa: Isa, bits: int) -> str:
    """Return the type of those vectors. A lane's 8 products of a nibble and a byte, and twice as many, fit int16."""
    return "int16x8" if isa.dot == "smull" and bits == 4 else f"int32x{isa.lanes}"


def first_sums(isa: Isa, bits: int, bias: Expr) -> Expr:
    """Return what a group's sums begin at."""
    if isa.dot == "smull":
        return T.Broadcast(T.int16(0), 8) if bits == 4 else T.Broadcast(T.int32(0), 4)
    return splat(bias, isa.lanes) if offset_of(isa, bits) else T.Broadcast(T.int32(0), isa.lanes)


def spread(isa: Isa, acts: Any, tile: Expr, g: Expr, word: Expr) -> Expr:
    """Return 4 signed activation bytes, `word` of a group, repeated in every lane.

    ARM's instructions take a lane of a vector of four such words, so the vector is what is loaded there.
    """
    width = isa.lanes * 4
    if isa.dot in ("vpdpbusd", "maddubs"):
        return T.reinterpret(f"int8x{width}", T.Broadcast(acts[tile, g, word], isa.lanes))
    return T.reinterpret("int8x16", lane(acts[tile, g, lanes_of(word // 4 * 4, 4)], word % 4))


def lane(vector: Expr, index: Expr, lanes: int = 4) -> Expr:
    """Return one lane, known once loops are unrolled, in all lanes."""
    return tirx.Shuffle([vector], [index] * lanes)


def dot_step(isa: Isa, bits: int, acc: Expr, weights: Expr, acts: Expr, part: int = 0) -> Expr:
    """Return acc + products of `weights` (uint8 x 4*lanes) and `acts` (int8 x 4*lanes), summed as the ISA does.

    In each lane 4 products; for smull those of one half of the bytes, `part`, which land in 8 or 4 lanes.
    """
    if isa.dot == "vpdpbusd":
        return T.call_llvm_pure_intrin(f"int32x{isa.lanes}", isa.dot_intrinsic, acc, weights, acts)
    if isa.dot == "maddubs":
        return acc + _maddubs(isa, weights, acts)
    if isa.dot == "smull":
        return _smull(bits, acc, weights, acts, part)
    return T.call_llvm_pure_intrin("int32x4", f"llvm.aarch64.neon.{isa.dot_intrinsic}.v4i32.v16i8", acc, weights, acts)


def group_sum(isa: Isa, bits: int, low: Expr, high: Expr, bias: Expr) -> Expr:
    """Return int32 x lanes, a row's sum in each, of the vectors that `dot_step` added to."""
    if isa.dot != "smull":
        return low
    if bits == 8:
        return _pairs("addp.v4i32", "int32x4", low, high)
    return _pairs("saddlp.v4i32.v8i16", "int32x4", _pairs("addp.v8i16", "int16x8", low, high)) + splat(bias, 4)


def _pairs(name: str, dtype: str, *vectors: Expr) -> Expr:
    return T.call_llvm_pure_intrin(dtype, f"llvm.aarch64.neon.{name}", *vectors)


def _smull(bits: int, acc: Expr, weights: Expr, acts: Expr, part: int) -> Expr:
    """Multiply 8 bytes. Products of two bytes can't be added up in 16 bits as those with nibbles are."""
    take = T.vectorhigh if part else T.vectorlow
    products = _pairs("smull.v8i16", "int16x8", take("uint8x8", weights), take("int8x8", acts))
    return acc + (products if bits == 4 else _pairs("saddlp.v4i32.v8i16", "int32x4", products))


def _maddubs(isa: Isa, weights: Expr, acts: Expr) -> Expr:
    """Multiply and add by pairs, twice.

    Pairs of products of a weight below 128 stay under 2 * 127 * 127 < 2**15. Weights of 8 bits are split by the
    caller, since 255 would overflow the 16-bit sums.
    """
    return madd_words(isa, madd_pairs(isa, weights, acts), T.Broadcast(T.int16(1), 2 * isa.lanes))


def madd_pairs(isa: Isa, weights: Expr, acts: Expr) -> Expr:
    """Return int16 x 2*lanes: products of unsigned and signed bytes, added by pairs (x86)."""
    suffix = "" if isa.lanes == 8 else ".128"
    name = f"llvm.x86.{isa.dot_intrinsic}.pmadd.ub.sw{suffix}"
    return T.call_llvm_pure_intrin(f"int16x{2 * isa.lanes}", name, weights, acts)


def madd_words(isa: Isa, first: Expr, second: Expr) -> Expr:
    """Return int32 x lanes: products of int16, added by pairs (x86)."""
    name = "llvm.x86.avx2.pmadd.wd" if isa.lanes == 8 else "llvm.x86.sse2.pmadd.wd"
    return T.call_llvm_pure_intrin(f"int32x{isa.lanes}", name, first, second)


def uses_fmlal(isa: Isa, dtype: str) -> bool:
    """Whether sums over values of `dtype` are taken by fmlal."""
    return isa.f16_products and dtype == "float16"


def add_product(isa: Isa, dtype: str, acc: Expr, values: Expr, factor: Expr, width: int = WIDTH) -> Expr:
    """Return acc (float32 x width) + values (`dtype` x width) times a number.

    The number is float16 where fmlal takes it, which is with 16 values, and else float32.
    """
    if width != WIDTH or not uses_fmlal(isa, dtype):
        return acc + to_f32(values, width) * splat(factor, width)
    quarters = [_fmlal(_part(acc, 4, p), _part(values, 8, p // 2), splat(factor, 8), p % 2) for p in range(4)]
    return tirx.Shuffle(quarters, list(range(WIDTH)))


def _part(vector: Expr, lanes: int, which: int) -> Expr:
    return tirx.Shuffle([vector], list(range(which * lanes, (which + 1) * lanes)))


def _fmlal(acc: Expr, values: Expr, factors: Expr, high: int) -> Expr:
    """Return acc (float32x4) + the products of the low or the high halves of two float16x8."""
    name = f"llvm.aarch64.neon.fmlal{'2' if high else ''}.v4f32.v8f16"
    return T.call_llvm_pure_intrin("float32x4", name, acc, values, factors)
