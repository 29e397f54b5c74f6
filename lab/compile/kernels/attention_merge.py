"""Two partial attentions of the same queries become one. Bound by memory: both are read once, one is written."""

from __future__ import annotations

from typing import Any

from tvm.script import tirx as T

from lab.compile.kernels.vec import lanes_of, splat, to_f32

LANES = 16
PrimFunc = Any


def merge_states(dtype: str) -> PrimFunc:
    """Return the function that merges two partial attentions in place: (out, lse, other out, other lse)."""

    @T.prim_func
    def merge(out_handle: T.handle, lse_handle: T.handle, other_handle: T.handle, other_lse_handle: T.handle):
        T.func_attr({"tirx.noalias": True})
        n = T.int32()
        heads = T.int32()
        dim = T.int32()
        out = T.match_buffer(out_handle, (n, heads, dim), dtype)
        lse = T.match_buffer(lse_handle, (n, heads), "float32")
        other = T.match_buffer(other_handle, (n, heads, dim), dtype)
        other_lse = T.match_buffer(other_lse_handle, (n, heads), "float32")
        for m in T.parallel(n):
            for h in T.serial(heads):
                w = T.alloc_buffer((4,), "float32")
                w[0] = T.max(lse[m, h], other_lse[m, h])
                w[1] = T.exp2(lse[m, h] - w[0])
                w[2] = T.exp2(other_lse[m, h] - w[0])
                w[3] = T.float32(1) / (w[1] + w[2])
                for j in T.serial(dim // LANES):
                    out[m, h, lanes_of(j * LANES, LANES)] = T.Cast(
                        f"{dtype}x{LANES}",
                        (
                            to_f32(out[m, h, lanes_of(j * LANES, LANES)], LANES) * splat(w[1], LANES)
                            + to_f32(other[m, h, lanes_of(j * LANES, LANES)], LANES) * splat(w[2], LANES)
                        )
                        * splat(w[3], LANES),
                    )
                lse[m, h] = w[0] + T.log2(w[1] + w[2])

    return merge
