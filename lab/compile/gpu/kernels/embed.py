"""Embedding lookup in a table that keeps its rows: a thread unpacks a word. Bound by memory: one row a token."""

from __future__ import annotations

import functools
from typing import Any

from tvm.script import tirx as T

from lab.compile.gpu.kernels.trim import trimmed
from lab.compile.gpu.kernels.vec import nibble
from lab.compile.gpu.kernels.weights import GROUP, OFFSET, Weights
from lab.compile.tir.sizes import divided

PrimFunc = Any


@functools.cache
def embed(threads: int, table: Weights) -> PrimFunc:
    """Return out[m, :] = table[ids[m], :] as float32.

    Arguments: int32 ids [rows]; words [N, K/8] and scales [N, K/32], or floats [N, K]; out float32 [rows, K].
    """
    units, width, quantised = (divided(table.k, 8), 8, True) if table.quantised else (table.k, 1, False)

    @T.inline
    def unpack(main, scales, out, m, row, unit):
        if quantised:
            word: T.let[T.uint32] = main[row, unit]
            scale: T.let[T.float32] = T.Cast("float32", scales[row, unit // (GROUP // 8)])
            for i in T.unroll(8):
                out[m, unit * width + i] = (nibble(word, i, 1) - T.float32(OFFSET)) * scale
        else:
            out[m, unit] = T.Cast("float32", main[row, unit])

    @T.prim_func
    def lookup(ids_handle: T.handle, main_handle: T.handle, scales_handle: T.handle, out_handle: T.handle):
        T.func_attr({"tirx.noalias": True, "op_pattern": 8, "tirx.is_scheduled": True})
        n = T.int64()
        ids = T.match_buffer(ids_handle, (n,), "int32")
        main = T.match_buffer(main_handle, (table.n, units), table.main_dtype)
        scales = T.match_buffer(scales_handle, (table.n, divided(table.k, GROUP)), table.dtype)
        out = T.match_buffer(out_handle, (n, table.k), "float32")
        for m in T.thread_binding(n, thread="blockIdx.y"):
            for b in T.thread_binding(-(-units // threads), thread="blockIdx.x"):
                for t in T.thread_binding(threads, thread="threadIdx.x"):
                    if b * threads + t < units:
                        row: T.let[T.int32] = ids[m]
                        unpack(main, scales, out, T.Cast("int32", m), row, b * threads + t)

    return trimmed(lookup)
