"""TVM's paged KV cache, with the kernels that it is given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tvm
from tvm import relax as rx
from tvm.relax.frontend.nn.llm.kv_cache import PagedKVCache, RopeMode

from lab.models.family import Sizes

Expr = Any
PrimFunc = Any


@dataclass(frozen=True)
class CacheKernels:
    """The kernels that a cache calls, each as a PrimFunc; attention in its three cases."""

    append: PrimFunc
    ragged: PrimFunc
    paged: PrimFunc
    decode: PrimFunc
    merge: PrimFunc
    split: PrimFunc
    copy: PrimFunc
    read: PrimFunc
    move: PrimFunc
    table: PrimFunc


def create_kv_cache(kernels: CacheKernels, config: Sizes, dtype: str, limits: Sequence[Expr]) -> Any:
    """Return the expression that creates the cache; limits: batch, tokens, chunk, page size, sliding window support.

    The rotary table takes the place of TVM's rope factors: the runtime hands that tensor to the split kernel
    unread. The sliding window is inside the kernels, so the runtime's own window support stays off and pages
    that fell out of the window are kept but not read.
    """
    create = rx.call_pure_packed(
        "vm.builtin.paged_attention_kv_cache_create",
        *_arguments(kernels, config, dtype, limits),
        ty_args=rx.AnyType(),
    )
    return PagedKVCache(_expr=create, _name="paged_kv_cache")


def longrope_limit(config: Sizes) -> int | None:
    """Return the most positions that LongRoPE's short factors are for; None without LongRoPE."""
    return None if config.rope_short_factor is None else config.original_max_position_embeddings


def _arguments(kernels: CacheKernels, config: Sizes, dtype: str, limits: Sequence[Expr]) -> list[Expr]:
    """Return the 28 arguments in the order of the runtime's constructor."""
    layers, dim = config.num_hidden_layers, config.head_dim
    heads, kv_heads = config.num_attention_heads, config.num_key_value_heads
    multi_head = 0  # the runtime's code for this kind of attention
    return [
        rx.ShapeExpr(list(limits)),
        rx.ShapeExpr([0, layers]),
        *(rx.prim_value(value) for value in (heads, kv_heads, dim, dim)),
        rx.ShapeExpr([multi_head] * layers),
        rx.prim_value(False),
        rx.prim_value(int(RopeMode.NORMAL)),
        rx.prim_value(1.0),
        rx.prim_value(config.rope_theta),
        _rope_table(kernels.table, config, limits[1]),
        rx.const(np.zeros((), dtype)),  # read for its type and device; a constant needs no kernel on a GPU
        *_functions(kernels),
    ]


def _functions(kernels: CacheKernels) -> list[Expr]:
    """Return the kernels in the runtime's order; empty tuples stand for what one causal sequence never calls."""
    nothing = rx.Tuple([])
    return [
        _add(kernels.append, "kv_append"),
        rx.prim_value(0),
        _backend(kernels.ragged, "attention_ragged"),
        _backend(kernels.paged, "attention_paged"),
        _backend(kernels.decode, "attention_decode"),
        *[nothing] * 5,
        rx.Tuple([_add(kernels.merge, "attention_merge")]),
        _add(kernels.split, "split_rotary"),
        _add(kernels.copy, "kv_copy_page"),
        _add(kernels.read, "kv_read"),
        _add(kernels.move, "kv_move"),
    ]


def _add(kernel: PrimFunc, name: str) -> Expr:
    return rx.BlockBuilder.current().add_func(kernel.without_attr("global_symbol"), name)


def _backend(kernel: PrimFunc, name: str) -> Expr:
    return rx.Tuple([tvm.ir.StringImm("tirx"), _add(kernel, name)])


def inverse_frequencies(config: Sizes) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Return float32 [2, rotary_dim/2]: inverse frequencies by the short, then by the long factors."""
    half = config.rotary_dim // 2
    exponents = np.arange(half, dtype=np.float32) * np.float32(2) / np.float32(config.rotary_dim)
    base = np.float32(config.rope_theta) ** exponents
    rows = [factors or (1.0,) * half for factors in (config.rope_short_factor, config.rope_long_factor)]
    return (np.float32(1) / (np.asarray(rows, np.float32) * base)).astype(np.float32)


def _rope_table(kernel: PrimFunc, config: Sizes, positions: Expr) -> Expr:
    """Return the call that fills the rotary table for as many positions as the cache holds."""
    table = rx.TensorType((positions, config.rotary_dim), "float32")
    call = rx.call_tir(_add(kernel, "rope_table"), [rx.const(inverse_frequencies(config))], table)
    return rx.BlockBuilder.current().emit(call)
