"""Expressions of one or several lanes, so that a kernel reads the same for both."""

from __future__ import annotations

from typing import Any

from tvm.script import tirx as T

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


def silu(x: Expr, lanes: int) -> Expr:
    """Return x * sigmoid(x) lane by lane."""
    return x / (splat(T.float32(1), lanes) + T.exp(splat(T.float32(0), lanes) - x))
