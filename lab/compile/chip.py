"""What kernels are made for: a processor's instructions, or a family of GPUs."""

from __future__ import annotations

from lab.compile.cpu import Cpu, choose_cpu
from lab.compile.gpu import Gpu, gpu_named
from lab.compile.gpu.kernels.decode_sizes import split_for
from lab.compile.gpu.kernels.tile_sizes import tile_for
from lab.core.errors import CompileError
from lab.formats.target import CompileSpec
from lab.models.family import Sizes
from lab.models.layouts.n16k4 import LAYOUT

Chip = Cpu | Gpu


def choose_chip(spec: CompileSpec) -> Chip:
    """Return what to compile for; CompileError where the target file names nothing that is known."""
    return choose_cpu(spec) if spec.kind == "llvm" else gpu_named(spec.gpu, spec.kind)


def chip_name(chip: Chip) -> str:
    """Return the name of its kernels, which manifests have as `isa`."""
    return chip.name if isinstance(chip, Gpu) else chip.isa.name


def chip_layout(chip: Chip) -> str:
    """Return the weight layout that its kernels read."""
    return chip.layout if isinstance(chip, Gpu) else LAYOUT


def target_layout(spec: CompileSpec) -> str:
    """Return the weight layout that a target's kernels read; for a processor without asking which one it is."""
    return LAYOUT if spec.kind == "llvm" else gpu_named(spec.gpu, spec.kind).layout


def required_features(chip: Chip) -> tuple[str, ...]:
    """Return what a device must have: flags of /proc/cpuinfo, or extensions of OpenCL."""
    return chip.required if isinstance(chip, Gpu) else chip.required_features


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
