"""TVM's target of a family of GPUs, with the host code around its kernels."""

from __future__ import annotations

from typing import Any

import tvm

from lab.compile.gpu import Gpu


def gpu_target(gpu: Gpu, mtriple: str) -> Any:
    """Return the target; host code runs on any processor of the triple's architecture."""
    keys = [gpu.kind, *(["adreno"] if gpu.name == "adreno" else []), "gpu"]
    device = {
        "kind": gpu.kind,
        "keys": keys,
        "max_num_threads": gpu.max_threads,
        "max_threads_per_block": gpu.max_threads,
        "max_shared_memory_per_block": gpu.shared_bytes,
        "thread_warp_size": gpu.warp,
    }
    return tvm.target.Target(device, host=tvm.target.Target({"kind": "llvm", "mtriple": mtriple}))
