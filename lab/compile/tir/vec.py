"""Vector expressions that the kernels share: broadcasts, loads, reductions and exp2.

Accumulators of the kernels are buffers of the default scope and of less than 1024 bytes: TVM puts those on the stack,
where LLVM turns them into registers. A buffer of scope "local", or a larger one, is asked of the runtime each time
around the loop that it stands in; for accumulators that cost 5 % of a decode step. Working arrays are "local" on
purpose: they are asked for once a head, and TVM (0.27) may lay a plain float32 array of the default scope over one of
vectors, and then refuses its own code.
"""

from __future__ import annotations

import math
from typing import Any

from tvm.script import tirx as T

from lab.compile.tir.callers import look_at_frames_alone

look_at_frames_alone()
Expr = Any

LOG2_E = math.log2(math.e)
# What a masked score is: the lowest float32, to the digits that sources of GPU kernels have, so that every other score
# is above it. Finite, so that a row without any key still gives numbers, also where a compiler counts on no infinity.
MASKED = -3.402823e38

# 2**f for |f| <= 0.5 by its Taylor series: the first term left out is 1.2e-7 relative.
_EXP2_TERMS = [math.log(2.0) ** k / math.factorial(k) for k in range(7)]


def of(dtype: str, lanes: int) -> str:
    """Return the type of `lanes` values of `dtype`; one lane is a plain number, here and below."""
    return f"{dtype}x{lanes}" if lanes > 1 else dtype


def scope_of(lanes: int) -> str:
    """Return the scope of sums beside others of 16 lanes: with fewer, TVM may lay them over those and refuse its own
    code."""
    return "global" if lanes == 16 else "local"


def splat(value: Expr, lanes: int) -> Expr:
    """Return a vector of `lanes` copies of `value`."""
    return T.Broadcast(value, lanes) if lanes > 1 else value


def f32(value: float, lanes: int) -> Expr:
    """Return a float32 vector constant."""
    return splat(T.float32(value), lanes)


def lanes_of(start: Expr, lanes: int) -> Expr:
    """Return the index vector start, start + 1, ..."""
    return T.Ramp(start, 1, lanes) if lanes > 1 else start


def cast(dtype: str, vector: Expr, lanes: int) -> Expr:
    """Return a vector converted lane by lane."""
    return T.Cast(of(dtype, lanes), vector)


def to_f32(vector: Expr, lanes: int) -> Expr:
    """Widen a vector to float32."""
    return cast("float32", vector, lanes)


@T.inline
def fetch(element):
    """Ask for the cache line of an element. It may lie past the end: asking never faults."""
    T.evaluate(T.call_llvm_intrin("void", "llvm.prefetch", T.address_of(element), 0, 3, 1))


def reduce_add(vector: Expr, dtype: str) -> Expr:
    """Return the sum of an int32 vector's lanes."""
    return T.call_llvm_pure_intrin(dtype, "llvm.vector.reduce.add", vector)


def reduce_max(vector: Expr, dtype: str) -> Expr:
    """Return the greatest of a signed vector's lanes."""
    return T.call_llvm_pure_intrin(dtype, "llvm.vector.reduce.smax", vector)


def reduce_fadd(vector: Expr) -> Expr:
    """Return the sum of a float32 vector's lanes (strictly in order, as LLVM does without reassociation)."""
    return T.call_llvm_pure_intrin("float32", "llvm.vector.reduce.fadd", T.float32(0), vector)


def reduce_fmax(vector: Expr) -> Expr:
    """Return the greatest of a float32 vector's lanes."""
    return T.call_llvm_pure_intrin("float32", "llvm.vector.reduce.fmax", vector)


def exp2(x: Expr, lanes: int) -> Expr:
    """Return 2**x lane by lane, relative error under 3e-7; x is clamped to -126..126."""
    x = T.max(T.min(x, f32(126.0, lanes)), f32(-126.0, lanes))
    whole = T.nearbyint(x)
    frac = x - whole
    poly = f32(_EXP2_TERMS[6], lanes)
    for term in reversed(_EXP2_TERMS[:6]):
        poly = poly * frac + f32(term, lanes)
    exponent = (T.Cast(f"int32x{lanes}", whole) + T.Broadcast(T.int32(127), lanes)) << T.Broadcast(T.int32(23), lanes)
    return poly * T.reinterpret(f"float32x{lanes}", exponent)


def silu(x: Expr, lanes: int) -> Expr:
    """Return x * sigmoid(x) lane by lane."""
    return x / (f32(1.0, lanes) + exp2(x * f32(-LOG2_E, lanes), lanes))


def gelu(x: Expr, lanes: int) -> Expr:
    """Return x times the normal distribution's function lane by lane, which is within 1e-6 of it.

    Abramowitz and Stegun, Handbook of Mathematical Functions, 7.1.26.
    """
    z = T.min(T.max(x, -x) * f32(math.sqrt(0.5), lanes), f32(100.0, lanes))
    t = f32(1.0, lanes) / (f32(1.0, lanes) + z * f32(0.3275911, lanes))
    poly = f32(0.0, lanes)
    for term in (1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592):
        poly = (poly + f32(term, lanes)) * t
    beyond = poly * exp2(z * z * f32(-LOG2_E, lanes), lanes) * f32(0.5, lanes)
    return x * T.Select(x > f32(0.0, lanes), f32(1.0, lanes) - beyond, beyond)


def quick_gelu(x: Expr, lanes: int) -> Expr:
    """Return x * sigmoid(1.702 x) lane by lane."""
    return x / (f32(1.0, lanes) + exp2(x * f32(-1.702 * LOG2_E, lanes), lanes))


def gelu_tanh(x: Expr, lanes: int) -> Expr:
    """Return x / 2 * (1 + tanh(z)), z = sqrt(2 / pi) * (x + 0.044715 x**3), lane by lane: x * sigmoid(2 z)."""
    factor = -2.0 * math.sqrt(2.0 / math.pi) * LOG2_E
    power = x * (f32(factor, lanes) + x * x * f32(factor * 0.044715, lanes))
    return x / (f32(1.0, lanes) + exp2(power, lanes))
