"""Products of float16 that add to float32 in one instruction, where the CPU has it (ARM's fmlal).

For 32 bytes of float16, 4 fmlal; conversions first would make it 8 instructions. Products are exact in float32.
"""

from __future__ import annotations

from tvm import tirx
from tvm.script import tirx as T

from lab.compile.cpu.isa import Isa
from lab.compile.tir.vec import Expr, splat, to_f32

WIDTH = 16


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
