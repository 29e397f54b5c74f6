"""Results as they are stored: in float16 too large ones become the largest, as infinity turns into not-a-number."""

from __future__ import annotations

from tvm.script import tirx as T

from lab.compile.tir.vec import Expr, cast, f32, splat

LARGEST = 65504.0  # float16
Scaled = tuple[int, float]
AS_IT_IS: Scaled = (0, 1.0)


def narrowed(dtype: str, value: Expr, lanes: int) -> Expr:
    """Return float32 `value` as `dtype`; past what float16 holds, the largest of the same sign. Not-a-number stays."""
    if dtype != "float16":
        return cast(dtype, value, lanes)
    top, bottom = f32(LARGEST, lanes), f32(-LARGEST, lanes)
    return cast(dtype, T.Select(value > top, top, T.Select(value < bottom, bottom, value)), lanes)


def written(dtype: str, value: Expr, lanes: int, at: Expr, scaled: Scaled) -> Expr:
    """Return results `at` and following of a row as `dtype`; of `scaled`, the first so many are times a factor."""
    rows, factor = scaled
    if rows:
        value = value * splat(T.if_then_else(at < rows, T.float32(factor), T.float32(1)), lanes)
    return narrowed(dtype, value, lanes)
