"""TVM's paged KV cache with this package's CPU kernels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lab.compile.cpu.isa import Isa
from lab.compile.cpu.kernels.attention_decode import decode_attention
from lab.compile.cpu.kernels.attention_merge import merge_states
from lab.compile.cpu.kernels.attention_paged import paged_attention
from lab.compile.cpu.kernels.attention_ragged import ragged_attention
from lab.compile.cpu.kernels.kv_pages import append_pages, copy_page, move_slots, read_pages
from lab.compile.cpu.kernels.rope import rope_table, split_rotary
from lab.compile.kv_cache import CacheKernels, create_kv_cache, longrope_limit
from lab.models.family import Sizes

Expr = Any


def create_cpu_kv_cache(isa: Isa, config: Sizes, dtype: str, limits: Sequence[Expr]) -> Any:
    """Return the expression that creates the cache with this package's CPU kernels."""
    heads, kv_heads, dim = config.num_attention_heads, config.num_key_value_heads, config.head_dim
    attention = (isa, heads, kv_heads, dim, dtype, config.attention_window)
    kernels = CacheKernels(
        append=append_pages(kv_heads, dim, dtype),
        ragged=ragged_attention(*attention),
        paged=paged_attention(*attention),
        decode=decode_attention(*attention),
        merge=merge_states(dim, dtype),
        split=split_rotary(heads, kv_heads, dim, dtype),
        copy=copy_page(kv_heads, dim, dtype),
        read=read_pages(config.num_hidden_layers, kv_heads, dim, dtype),
        move=move_slots(kv_heads, dim, dtype),
        table=rope_table(dim, longrope_limit(config), config.attention_scaling),
    )
    return create_kv_cache(kernels, config, dtype, limits)
