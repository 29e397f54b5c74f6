"""What the kernels take from a GPU's record: vector width, threads, whether a tile is worth a copy to shared memory."""

from __future__ import annotations

from lab.compile.gpu import Gpu
from lab.core.errors import CompileError

FLAT_THREADS = 256  # of kernels without shared memory, where the device has as many
FLAT_LANES = 4  # of the same, at most


def vector_lanes(gpu: Gpu) -> int:
    """Return the lanes of a thread's vectors: 4, or 16 where threads do not step together (a CPU's OpenCL)."""
    return 4 if gpu.warp > 1 else 16


def stages_tiles(gpu: Gpu) -> bool:
    """Return whether keys and values are copied to shared memory before use.

    Where threads do not step together, or in warps of 16 (Mali), shared memory is ordinary memory.
    """
    return gpu.warp >= 32


def flat_threads(gpu: Gpu) -> int:
    """Return the threads of a workgroup of kernels whose threads do not share anything."""
    return min(gpu.max_threads, FLAT_THREADS)


def require(gpu: Gpu, kernel: str, threads: int, shared_bytes: int) -> None:
    """Raise CompileError where a kernel asks for more threads or shared memory than the GPU has."""
    if threads > gpu.max_threads:
        raise CompileError(
            f"kernel {kernel} needs {threads} threads a workgroup, GPU family {gpu.name!r} has {gpu.max_threads}",
            hint="max_threads of the family is in lab/compile/gpu",
        )
    if shared_bytes > gpu.shared_bytes:
        raise CompileError(
            f"kernel {kernel} needs {shared_bytes} bytes of shared memory, GPU family {gpu.name!r} has "
            f"{gpu.shared_bytes}",
            hint="shared_bytes of the family is in lab/compile/gpu; a smaller head_dim needs less",
        )
