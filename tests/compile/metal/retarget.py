"""The kernels of an Apple GPU for OpenCL: the same schedules, run where there is no Apple GPU."""

from __future__ import annotations

from dataclasses import replace

from lab.compile.gpu import Gpu

_STORED_AS_FLOAT32 = {"mlc-kn": "mlc-kn-f32", "mlc-kn-f32": "mlc-kn-f32"}


def opencl_twin(gpu: Gpu) -> Gpu:
    """Return the record whose OpenCL kernels are scheduled as those of `gpu`, with float32 for what it stores.

    An OpenCL on a CPU has no 16-bit floats. The name stays: tiles are chosen by it.
    """
    return replace(gpu, kind="opencl", storage="float32", layout=_STORED_AS_FLOAT32[gpu.layout])
