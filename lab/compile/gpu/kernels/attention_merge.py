"""Two partial attentions of the same queries become one. Bound by memory: both are read once, one is written."""

from __future__ import annotations

from typing import Any

from tvm.script import tirx as T

from lab.compile.gpu import Gpu
from lab.compile.gpu.kernels.shape import FLAT_LANES, flat_threads, require
from lab.compile.tir.sizes import divided, fitting_vector
from lab.compile.tir.vec import cast, lanes_of, splat, to_f32

PrimFunc = Any


def merge_states(gpu: Gpu, head_dim: int, dtype: str) -> PrimFunc:
    """Return the function that merges two partial attentions in place: (out, lse, other out, other lse).

    One thread of a head works out the two weights and hands them on through shared memory: the sums it reads are
    written in place.
    """
    lanes = fitting_vector(head_dim, FLAT_LANES)
    vectors = divided(head_dim, lanes)
    rows = max(1, flat_threads(gpu) // vectors)  # heads of a workgroup
    require(gpu, "attention_merge", rows * vectors, rows * 2 * 4)

    @T.prim_func
    def merge(out_handle: T.handle, lse_handle: T.handle, other_handle: T.handle, other_lse_handle: T.handle):
        T.func_attr({"tirx.noalias": True})
        n = T.int32()
        heads = T.int32()
        out = T.match_buffer(out_handle, (n, heads, head_dim), dtype)
        lse = T.match_buffer(lse_handle, (n, heads), "float32")
        other = T.match_buffer(other_handle, (n, heads, head_dim), dtype)
        other_lse = T.match_buffer(other_lse_handle, (n, heads), "float32")
        for block in T.thread_binding((n * heads + (rows - 1)) // rows, thread="blockIdx.x"):
            for thread in T.thread_binding(rows * vectors, thread="threadIdx.x"):
                weights = T.alloc_buffer((rows * 2,), "float32", scope="shared")
                w = T.alloc_buffer((3,), "float32", scope="local")
                row: T.let[T.int32] = thread // vectors
                i: T.let[T.int32] = block * rows + row
                d: T.let[T.int32] = thread % vectors * lanes
                if i < n * heads and d == 0:
                    w[0] = T.max(lse[i // heads, i % heads], other_lse[i // heads, i % heads])
                    w[1] = T.exp2(lse[i // heads, i % heads] - w[0])
                    w[2] = T.exp2(other_lse[i // heads, i % heads] - w[0])
                    weights[row * 2] = w[1] / (w[1] + w[2])
                    weights[row * 2 + 1] = w[2] / (w[1] + w[2])
                    lse[i // heads, i % heads] = w[0] + T.log2(w[1] + w[2])
                T.tvm_storage_sync("shared")
                if i < n * heads:
                    out[i // heads, i % heads, lanes_of(d, lanes)] = cast(
                        dtype,
                        to_f32(out[i // heads, i % heads, lanes_of(d, lanes)], lanes) * splat(weights[row * 2], lanes)
                        + to_f32(other[i // heads, i % heads, lanes_of(d, lanes)], lanes)
                        * splat(weights[row * 2 + 1], lanes),
                        lanes,
                    )

    return merge
