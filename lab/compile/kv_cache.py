"""TVM's paged KV cache with the CPU attention kernels of this package."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tvm
from tvm import relax as rx
from tvm.relax.frontend.nn.llm.kv_cache import PagedKVCache, RopeMode

from lab.compile.isa import Isa
from lab.compile.kernels.attention_decode import decode_attention
from lab.compile.kernels.attention_merge import merge_states
from lab.compile.kernels.attention_paged import paged_attention
from lab.compile.kernels.attention_ragged import ragged_attention
from lab.compile.kernels.kv_pages import append_pages, copy_page, move_slots, read_pages
from lab.compile.kernels.rope import rope_table, split_rotary
from lab.models.presets import Phi3Config

Expr = Any


def create_cpu_kv_cache(isa: Isa, config: Phi3Config, dtype: str, limits: Sequence[Expr]) -> Any:
    """Return the expression that creates the cache.

    The rotary table takes the place of TVM's rope factors: the runtime hands that tensor to the split kernel
    unread. The sliding window is inside the kernels, so the runtime's own window support stays off and pages
    that fell out of the window are kept but not read.
    """
    create = rx.call_pure_packed(
        "vm.builtin.paged_attention_kv_cache_create",
        *_arguments(isa, config, dtype, limits),
        ty_args=rx.AnyType(),
    )
    return PagedKVCache(_expr=create, _name="paged_kv_cache")


def _arguments(isa: Isa, config: Phi3Config, dtype: str, limits: Sequence[Expr]) -> list[Expr]:
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
        _rope_table(config, limits[1]),
        rx.op.zeros((), dtype),
        *_functions(isa, config, dtype),
    ]


def _functions(isa: Isa, config: Phi3Config, dtype: str) -> list[Expr]:
    """Return the kernels in the runtime's order; empty tuples stand for what one causal sequence never calls."""
    layers, dim, window = config.num_hidden_layers, config.head_dim, config.sliding_window
    heads, kv_heads = config.num_attention_heads, config.num_key_value_heads

    def add(kernel: Any, name: str) -> Expr:
        return rx.BlockBuilder.current().add_func(kernel.without_attr("global_symbol"), name)

    def backend(kernel: Any, name: str) -> Expr:
        return rx.Tuple([tvm.ir.StringImm("tirx"), add(kernel, name)])

    nothing = rx.Tuple([])
    return [
        add(append_pages(kv_heads, dim, dtype), "kv_append"),
        rx.prim_value(0),
        backend(ragged_attention(isa, heads, kv_heads, dim, dtype, window), "attention_ragged"),
        backend(paged_attention(isa, heads, kv_heads, dim, dtype, window), "attention_paged"),
        backend(decode_attention(isa, heads, kv_heads, dim, dtype, window), "attention_decode"),
        *[nothing] * 5,
        rx.Tuple([add(merge_states(dtype), "attention_merge")]),
        add(split_rotary(heads, kv_heads, dim, dtype), "split_rotary"),
        add(copy_page(kv_heads, dim, dtype), "kv_copy_page"),
        add(read_pages(layers, kv_heads, dim, dtype), "kv_read"),
        add(move_slots(kv_heads, dim, dtype), "kv_move"),
    ]


def inverse_frequencies(config: Phi3Config) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Return float32 [2, head_dim/2]: inverse frequencies by the short, then by the long factors."""
    half = config.head_dim // 2
    exponents = np.arange(half, dtype=np.float32) * np.float32(2) / np.float32(config.head_dim)
    base = np.float32(config.rope_theta) ** exponents
    rows = [factors or (1.0,) * half for factors in (config.rope_short_factor, config.rope_long_factor)]
    return (np.float32(1) / (np.asarray(rows, np.float32) * base)).astype(np.float32)


def _rope_table(config: Phi3Config, positions: Expr) -> Expr:
    """Return the call that fills the rotary table for as many positions as the cache holds."""
    longrope = config.rope_short_factor is not None
    limit = config.original_max_position_embeddings if longrope else None
    builder = rx.BlockBuilder.current()
    fill = rope_table(config.head_dim, limit, config.attention_scaling).without_attr("global_symbol")
    kernel = builder.add_func(fill, "rope_table")
    table = rx.TensorType((positions, config.head_dim), "float32")
    return builder.emit(rx.call_tir(kernel, [rx.const(inverse_frequencies(config))], table))
