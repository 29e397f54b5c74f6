"""Embedding lookup straight from the packed weight layouts. Bound by memory: one row of the table a token."""

from __future__ import annotations

import functools
from typing import Any

from tvm.script import tirx as T

from lab.compile.tir.sizes import BLOCK, GROUP, divided

PrimFunc = Any


@functools.cache
def quantised_embed(bits: int, table_rows: int, features: int, scale: float = 1.0) -> PrimFunc:
    """Return out[m, :] = dequantised table[ids[m], :] * scale.

    ids: int32 [rows]; q_weight: uint8 [table_rows/16, K/32, bits, 64]; q_scale: float16; out: float32 [rows, K].
    """
    groups, blocks = divided(features, GROUP), divided(table_rows, BLOCK)
    offset = 8 if bits == 4 else 128

    def weight(q_weight: Any, row: Any, g: Any, k: Any) -> Any:
        if bits == 4:
            packed = q_weight[row // BLOCK, g, k // 8, row % BLOCK * 4 + k % 4]
            nibble = T.shift_right(packed, T.Cast("uint8", k % 8 // 4 * 4)) & T.uint8(15)
            return T.Cast("int32", nibble) - T.int32(offset)
        return T.Cast("int32", q_weight[row // BLOCK, g, k // 4, row % BLOCK * 4 + k % 4]) - T.int32(offset)

    @T.prim_func
    def embed(
        ids_handle: T.handle,
        q_weight: T.Buffer((blocks, groups, bits, 64), "uint8"),
        q_scale: T.Buffer((blocks, groups, BLOCK), "float16"),
        out_handle: T.handle,
    ):
        T.func_attr({"tirx.noalias": True, "op_pattern": 8})
        n = T.int64()
        ids = T.match_buffer(ids_handle, (n,), "int32")
        out = T.match_buffer(out_handle, (n, features), "float32")
        for m in T.parallel(n):
            row: T.let[T.int64] = T.Cast("int64", ids[m])
            for g in T.serial(groups):
                for k in T.serial(GROUP):
                    out[m, g * GROUP + k] = _scaled(
                        T.Cast("float32", weight(q_weight, row, g, k))
                        * T.Cast("float32", q_scale[row // BLOCK, g, row % BLOCK]),
                        scale,
                    )

    return embed


@functools.cache
def float_embed(dtype: str, table_rows: int, features: int, scale: float = 1.0) -> PrimFunc:
    """Return out[m, :] = table[ids[m], :] * scale as float32; table: `dtype` [table_rows/16, K, 16]."""

    @T.prim_func
    def embed(
        ids_handle: T.handle,
        weight: T.Buffer((divided(table_rows, BLOCK), features, BLOCK), dtype),
        out_handle: T.handle,
    ):
        T.func_attr({"tirx.noalias": True, "op_pattern": 8})
        n = T.int64()
        ids = T.match_buffer(ids_handle, (n,), "int32")
        out = T.match_buffer(out_handle, (n, features), "float32")
        for m in T.parallel(n):
            row: T.let[T.int64] = T.Cast("int64", ids[m])
            for k in T.serial(features):
                out[m, k] = _scaled(T.Cast("float32", weight[row // BLOCK, k, row % BLOCK]), scale)

    return embed


def _scaled(value: Any, scale: float) -> Any:
    return value if scale == 1.0 else value * T.float32(scale)
