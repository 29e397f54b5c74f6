"""TVM's paged KV cache with this package's GPU kernels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lab.compile.gpu import Gpu
from lab.compile.gpu.kernels.attention_decode import decode_attention
from lab.compile.gpu.kernels.attention_merge import merge_states
from lab.compile.gpu.kernels.attention_paged import paged_attention
from lab.compile.gpu.kernels.attention_ragged import ragged_attention
from lab.compile.gpu.kernels.kv_pages import append_pages, copy_page, move_slots, read_pages
from lab.compile.gpu.kernels.rope import rope_table, split_rotary
from lab.compile.kv_cache import CacheKernels, create_kv_cache, longrope_limit
from lab.models.family import Sizes

Expr = Any


def create_gpu_kv_cache(gpu: Gpu, config: Sizes, dtype: str, limits: Sequence[Expr]) -> Any:
    """Return the expression that creates the cache; limits: batch, tokens, chunk, page size, sliding window support.

    A decode step is three launches a layer: split, append, attention. Raises CompileError when a kernel needs more
    threads or shared memory than the GPU has.
    """
    heads, kv_heads, dim = config.num_attention_heads, config.num_key_value_heads, config.head_dim
    attention = (gpu, heads, kv_heads, dim, dtype, config.attention_window)
    kernels = CacheKernels(
        append=append_pages(gpu, kv_heads, dim, dtype),
        ragged=ragged_attention(*attention),
        paged=paged_attention(*attention),
        decode=decode_attention(*attention),
        merge=merge_states(gpu, dim, dtype),
        split=split_rotary(gpu, heads, kv_heads, dim, dtype),
        copy=copy_page(gpu, kv_heads, dim, dtype),
        read=read_pages(gpu, config.num_hidden_layers, kv_heads, dim, dtype),
        move=move_slots(gpu, kv_heads, dim, dtype),
        table=rope_table(gpu, dim, longrope_limit(config), config.attention_scaling),
    )
    return create_kv_cache(kernels, config, dtype, limits)
