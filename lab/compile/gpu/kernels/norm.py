"""RMSNorm of many rows, for prefill: a workgroup a row. Bound by memory."""

from __future__ import annotations

import functools
from typing import Any

from tvm.script import tirx as T

from lab.compile.tir.narrow import narrowed

PrimFunc = Any


@functools.cache
def rms_norm(threads: int, features: int, eps: float, g_dtype: str, out_dtype: str) -> PrimFunc:
    """Return out[m, :] = x[m, :] / root mean square * g; x: float32 [rows, features]."""
    steps = -(-features // threads)

    @T.prim_func
    def norm(x_handle: T.handle, g_handle: T.handle, out_handle: T.handle):
        T.func_attr({"tirx.noalias": True, "op_pattern": 8, "tirx.is_scheduled": True})
        n = T.int64()
        x = T.match_buffer(x_handle, (n, features), "float32")
        g = T.match_buffer(g_handle, (features,), g_dtype)
        out = T.match_buffer(out_handle, (n, features), out_dtype)
        for block in T.thread_binding(n, thread="blockIdx.x"):
            for t in T.thread_binding(threads, thread="threadIdx.x"):
                squares = T.alloc_buffer((threads,), "float32", scope="shared")
                square = T.alloc_buffer((1,), "float32", scope="local")
                m: T.let[T.int32] = T.Cast("int32", block)
                square[0] = T.float32(0)
                for i in T.serial(steps):
                    if i * threads + t < features:
                        square[0] = square[0] + x[m, i * threads + t] * x[m, i * threads + t]
                squares[t] = square[0]
                T.tvm_storage_sync("shared")
                square[0] = T.float32(0)
                for i in T.serial(threads):
                    square[0] = square[0] + squares[i]
                square[0] = T.rsqrt(square[0] / T.float32(features) + T.float32(eps))
                for i in T.serial(steps):
                    if i * threads + t < features:
                        out[m, i * threads + t] = narrowed(
                            out_dtype, x[m, i * threads + t] * square[0] * T.Cast("float32", g[i * threads + t]), 1
                        )

    return norm
