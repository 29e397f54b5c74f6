"""Expressions of one or several lanes, so that a kernel reads the same for both."""

from __future__ import annotations

import math
from typing import Any

from tvm.script import tirx as T

from lab.models.activation import Activation

Expr = Any


def lanes_of(start: Expr, lanes: int) -> Expr:
    """Return the index of `lanes` neighbours from `start` on."""
    return T.Ramp(start, 1, lanes) if lanes > 1 else start


def of(dtype: str, lanes: int) -> str:
    """Return the type of `lanes` values of `dtype`."""
    return f"{dtype}x{lanes}" if lanes > 1 else dtype


def splat(value: Expr, lanes: int) -> Expr:
    """Return `lanes` copies of `value`."""
    return T.Broadcast(value, lanes) if lanes > 1 else value


def cast(dtype: str, value: Expr, lanes: int) -> Expr:
    """Return `value` converted lane by lane."""
    return T.Cast(of(dtype, lanes), value)


def nibble(words: Expr, which: Expr, lanes: int) -> Expr:
    """Return four bits of each word, 0 to 15, as float32."""
    moved = T.shift_right(words, splat(T.Cast("uint32", 4 * which), lanes))
    return cast("float32", T.bitwise_and(moved, splat(T.uint32(15), lanes)), lanes)


def activated(activation: Activation, gate: Expr, up: Expr, lanes: int) -> Expr:
    """Return the activation of results lane by lane; without gates, of `gate` alone."""
    if activation.name == "gegelu":
        if activation.limit is not None:
            most = splat(T.float32(activation.limit), lanes)
            gate, up = T.min(gate, most), T.max(T.min(up, most), splat(T.float32(-activation.limit), lanes))
        return _sigmoid_times(gate, gate * splat(T.float32(1.702), lanes), lanes) * (up + splat(T.float32(1), lanes))
    value = _UNARY[activation.name](gate, lanes)
    return value * up if activation.gated else value


def _silu(x: Expr, lanes: int) -> Expr:
    """Return x * sigmoid(x) lane by lane."""
    return _sigmoid_times(x, x, lanes)


def _gelu_tanh(x: Expr, lanes: int) -> Expr:
    """Return x / 2 * (1 + tanh(y)), which is x * sigmoid(2 y)."""
    twice, cubic = (splat(T.float32(number), lanes) for number in (2 * math.sqrt(2 / math.pi), 0.044715))
    return _sigmoid_times(x, twice * (x + cubic * x * x * x), lanes)


def _gelu(x: Expr, lanes: int) -> Expr:
    """Return x times the normal distribution function, by erf within 2e-7 (Abramowitz and Stegun 7.1.26).

    OpenCL has an erf and Metal has none.
    """
    one, half = splat(T.float32(1), lanes), splat(T.float32(0.5), lanes)
    z = T.min(T.abs(x) * splat(T.float32(math.sqrt(0.5)), lanes), splat(T.float32(100), lanes))
    t = one / (one + splat(T.float32(0.3275911), lanes) * z)
    poly = splat(T.float32(0), lanes)
    for term in (1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592):
        poly = (poly + splat(T.float32(term), lanes)) * t
    beyond = poly * T.exp(splat(T.float32(0), lanes) - z * z) * half  # what of the distribution is past |x|
    return x * T.Select(x > splat(T.float32(0), lanes), one - beyond, beyond)


def _sigmoid_times(x: Expr, y: Expr, lanes: int) -> Expr:
    """Return x * sigmoid(y) lane by lane."""
    return x / (splat(T.float32(1), lanes) + T.exp(splat(T.float32(0), lanes) - y))


_UNARY = {"silu": _silu, "gelu": _gelu, "gelu_tanh": _gelu_tanh}
