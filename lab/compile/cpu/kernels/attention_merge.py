"""Two partial attentions of the same queries become one. Bound by memory: both are read once, one is written."""

from __future__ import annotations

from typing import Any

from tvm.script import tirx as T

from lab.compile.tir.sizes import divided, fitting_vector
from lab.compile.tir.vec import cast, lanes_of, splat, to_f32

LANES = 16
PrimFunc = Any


def merge_states(head_dim: int, dtype: str) -> PrimFunc:
    """Return the function that merges two partial attentions in place: (out, lse, other out, other lse)."""
    lanes = fitting_vector(head_dim, LANES)

    @T.prim_func
    def merge(out_handle: T.handle, lse_handle: T.handle, other_handle: T.handle, other_lse_handle: T.handle):
        T.func_attr({"tirx.noalias": True})
        n = T.int32()
        heads = T.int32()
        out = T.match_buffer(out_handle, (n, heads, head_dim), dtype)
        lse = T.match_buffer(lse_handle, (n, heads), "float32")
        other = T.match_buffer(other_handle, (n, heads, head_dim), dtype)
        other_lse = T.match_buffer(other_lse_handle, (n, heads), "float32")
        for m in T.parallel(n):
            for h in T.serial(heads):
                w = T.alloc_buffer((4,), "float32")
                w[0] = T.max(lse[m, h], other_lse[m, h])
                w[1] = T.exp2(lse[m, h] - w[0])
                w[2] = T.exp2(other_lse[m, h] - w[0])
                w[3] = T.float32(1) / (w[1] + w[2])
                for j in T.serial(divided(head_dim, lanes)):
                    out[m, h, lanes_of(j * lanes, lanes)] = cast(
                        dtype,
                        (
                            to_f32(out[m, h, lanes_of(j * lanes, lanes)], lanes) * splat(w[1], lanes)
                            + to_f32(other[m, h, lanes_of(j * lanes, lanes)], lanes) * splat(w[2], lanes)
                        )
                        * splat(w[3], lanes),
                        lanes,
                    )
                lse[m, h] = w[0] + T.log2(w[1] + w[2])

    return merge
