"""The families of GPUs that kernels are made for, as records that target files name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lab.core.errors import CompileError
from lab.core.suggest import unknown


@dataclass(frozen=True)
class Gpu:
    """What kernels may count on: threads of a workgroup, bytes of its shared memory, threads that step together.

    `storage` is the type of scales, float weights, activations between kernels and the KV cache; sums are float32
    everywhere. A device must have `required` (an OpenCL extension, or empty). `layout` is how its weights lie.
    """

    name: str
    kind: Literal["opencl", "metal"]
    storage: Literal["float16", "float32"]
    layout: str
    max_threads: int
    shared_bytes: int
    warp: int
    required: tuple[str, ...] = ()


GPUS = {
    gpu.name: gpu
    for gpu in (
        Gpu("adreno", "opencl", "float16", "mlc-kn", 512, 32 << 10, 64, ("cl_khr_fp16",)),
        Gpu("mali", "opencl", "float16", "mlc-kn", 256, 32 << 10, 16, ("cl_khr_fp16",)),
        Gpu("any-f16", "opencl", "float16", "mlc-kn", 256, 16 << 10, 1, ("cl_khr_fp16",)),
        Gpu("any-f32", "opencl", "float32", "mlc-kn-f32", 256, 16 << 10, 1),
        Gpu("apple", "metal", "float16", "mlc-kn", 256, 32 << 10, 32),
    )
}


def gpu_named(name: str, kind: str) -> Gpu:
    """Return the record called `name`, of `kind`; CompileError with suggestions when there is none."""
    known = [gpu.name for gpu in GPUS.values() if gpu.kind == kind]
    if not name:
        raise CompileError(f"[compile].gpu names no GPU family for kind {kind!r}", hint=f"one of {', '.join(known)}")
    if name not in known:
        raise CompileError(unknown("GPU family", name, known), hint=f"[compile].gpu: {' or '.join(known)}")
    return GPUS[name]
