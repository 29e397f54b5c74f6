"""A small network scheduled for Apple's GPUs, and its kernels: what the checks are tried on."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tvm
from tvm import relax
from tvm.relax.frontend import nn
from tvm.s_tir import dlight

from lab.compile.link import is_archive, linker
from lab.compile.metal.kernels import Kernel, kernels
from lab.compile.pipeline import LaunchRecorder
from lab.compile.tvm_backend import kernel_sources

MAC = "arm64-apple-macos"
IOS = "arm64-apple-ios16.0"
LARGEST = 4096
FEATURES = 512
# dlight's product for Metal's SIMD-group matrices ends TVM 0.27 with a segmentation fault; these are what works.
RULES = (dlight.gpu.GEMV(), dlight.gpu.Reduction(), dlight.gpu.GeneralReduction(), dlight.gpu.Fallback())


class Network(nn.Module):
    """A product and a softmax, for one row and for a number of rows that is known at run time."""

    def __init__(self, dtype: str) -> None:
        self.linear = nn.Linear(FEATURES, 256, bias=False, dtype=dtype)

    def one(self, x: nn.Tensor) -> nn.Tensor:
        return nn.op.softmax(self.linear(x), -1)

    def many(self, x: nn.Tensor) -> nn.Tensor:
        return nn.op.softmax(self.linear(x), -1)


@dataclass(frozen=True)
class Compiled:
    """What `lab compile` has in hand when it checks."""

    executable: Any
    seen: LaunchRecorder

    @property
    def kernels(self) -> tuple[Kernel, ...]:
        return kernels(kernel_sources(self.executable)["metal"])


def metal_target(mtriple: str) -> Any:
    gpu = {"kind": "metal", "max_num_threads": 256, "thread_warp_size": 32, "max_shared_memory_per_block": 32 << 10}
    return tvm.target.Target(gpu, host=tvm.target.Target({"kind": "llvm", "mtriple": mtriple}))


def scheduled(target: Any, dtype: str) -> Any:
    rows = {"one": 1, "many": "rows"}
    spec = {name: {"x": nn.spec.Tensor((count, FEATURES), dtype)} for name, count in rows.items()}
    module, _ = Network(dtype).export_tvm(spec)
    with target:
        return dlight.ApplyDefaultSchedule(*RULES)(relax.get_pipeline("zero")(module))


@functools.cache
def compiled(mtriple: str = MAC, dtype: str = "float16") -> Compiled:
    target, seen = metal_target(mtriple), LaunchRecorder(LARGEST)
    module = scheduled(target, dtype)
    if is_archive(mtriple):
        module = module.with_attr("system_lib_prefix", "")
    with tvm.transform.PassContext(opt_level=3, instruments=[seen]):
        return Compiled(tvm.compile(module, target=target), seen)


def export(built: Compiled, mtriple: str, path: Path) -> Path:
    built.executable.export_library(str(path), fcompile=linker(mtriple))
    return path
