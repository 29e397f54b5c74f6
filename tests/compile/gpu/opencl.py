"""Kernels and modules for the OpenCL device of the tests: compiled, loaded, called with numpy arrays."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tvm

from lab.compile.gpu import Gpu
from lab.compile.tvm_backend import gpu_target
from tests.ondevice.stub_model import TRIPLE
from tests.opencl_device import call_json, loadable, opencl_device


def launches() -> int:
    return int(call_json("stats")["launches"])


def source(prim_func: Any, gpu: Gpu) -> str:
    """What the code generator writes for the device."""
    module = tvm.IRModule({"main": prim_func.with_attr("global_symbol", "main")})
    return str(tvm.compile(module, target=gpu_target(gpu, TRIPLE)).mod.imports[0].inspect_source())


def loaded(module: Any, gpu: Gpu, **options: Any) -> Any:
    """Compile, and load with the device's runtime there."""
    opencl_device()
    with tempfile.TemporaryDirectory() as folder:
        return loadable(tvm.compile(module, target=gpu_target(gpu, TRIPLE), **options), Path(folder))


def compiled(prim_func: Any, gpu: Gpu) -> Callable[..., list[np.ndarray]]:
    """Return a function over numpy arrays and scalars that gives every array back after the call."""
    dev = opencl_device()
    function = loaded(tvm.IRModule({"main": prim_func.with_attr("global_symbol", "main")}), gpu)["main"]

    def call(*args: Any) -> list[np.ndarray]:
        tensors = [tvm.runtime.tensor(a, dev) if isinstance(a, np.ndarray) else a for a in args]
        function(*tensors)
        dev.sync()
        return [t.numpy() for t in tensors if hasattr(t, "numpy")]

    return call


@functools.cache
def kernel(maker: Callable[..., Any], gpu: Gpu, *args: Any) -> Callable[..., list[np.ndarray]]:
    """Compile maker(gpu, *args) once for all the data it is tried on."""
    return compiled(maker(gpu, *args), gpu)
