"""Which head sizes the kernels of a chip can do: told before anything is downloaded, compiled or converted."""

from __future__ import annotations

from lab.compile.chip import Chip
from lab.compile.gpu import Gpu
from lab.compile.gpu.kernels.decode_sizes import split_for
from lab.compile.gpu.kernels.tile_sizes import tile_for
from lab.core.errors import CompileError
from lab.models.family import Sizes


def check_sizes(chip: Chip, config: Sizes) -> None:
    """Raise CompileError where a workgroup of a GPU is too small for the heads; processors take every even head size.

    The message says which head sizes would do.
    """
    if not isinstance(chip, Gpu):
        return
    heads, kv_heads, dim = config.num_attention_heads, config.num_key_value_heads, config.head_dim
    try:
        _fit(chip, heads, kv_heads, dim)
    except CompileError as problem:
        raise CompileError(f"head size {dim}: {problem.what}", hint=_possible(chip, heads, kv_heads, dim)) from problem


def _fit(gpu: Gpu, heads: int, kv_heads: int, dim: int) -> None:
    for kernel in ("attention_ragged", "attention_paged"):
        tile_for(gpu, kernel, dim, gpu.storage)
    split_for(gpu, heads, kv_heads, dim)


def _possible(gpu: Gpu, heads: int, kv_heads: int, dim: int) -> str:
    for size in range((dim - 1) // 32 * 32, 0, -32):
        try:
            _fit(gpu, heads, kv_heads, size)
        except CompileError:
            continue
        return f"with {heads // kv_heads} query heads a key head, multiples of 32 up to {size} fit {gpu.name!r}"
    return f"no head size fits {heads // kv_heads} query heads a key head on {gpu.name!r}; compile for the processor"
