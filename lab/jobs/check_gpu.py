"""What `lab targets check` asks of a target with a GPU."""

from __future__ import annotations

from lab.core.progress import NullProgress
from lab.core.text import printable
from lab.devices.base import Device
from lab.formats.target import TargetSpec


def gpu_family(target: TargetSpec) -> str:
    """Return which kernels it gets; CompileError when nobody knows its GPU family."""
    from lab.compile.gpu import gpu_named

    gpu = gpu_named(target.compile.gpu, target.compile.kind)
    needs = f", needs {' '.join(gpu.required)}" if gpu.required else ""
    return f"{target.compile.kind}: kernels for {gpu.name}, weights {gpu.layout}{needs}"


def plug_in(target: TargetSpec) -> str:
    """Return with what the OpenCL plug-in can be built; CompileError names the package that is missing."""
    from lab.ondevice.android.ndk import find_ndk
    from lab.ondevice.compilers import compilers
    from lab.ondevice.opencl.headers import opencl_headers
    from lab.ondevice.systems import ANDROID_TRIPLE, platform_of

    if target.compile.mtriple == ANDROID_TRIPLE:
        return f"Android NDK {find_ndk().revision}, headers in {opencl_headers()}"
    abi = platform_of(target.compile.mtriple).abi
    return f"{compilers(abi)[0].name}, headers in {opencl_headers()}"


def gpu_of_device(target: TargetSpec, device: Device) -> str:
    """Return the name of the device's GPU, asked by the runner, which is built for it.

    Raises:
        CompileError: the runner or its plug-in can't be built.
        DeviceError: there is no such device, or it lacks an extension that the kernels need.
    """
    from lab.compile.gpu import gpu_named
    from lab.jobs.build import Pipeline
    from lab.measure.runner.gpu_checks import check_extensions, gpu_facts
    from lab.measure.runner.invocation import place_runner

    runner = Pipeline(NullProgress()).runner(target)
    gpu = gpu_facts(device, place_runner(device, runner, target), target, runner)
    check_extensions(gpu, gpu_named(target.compile.gpu, target.compile.kind).required, target)
    no_gpu = {"cpu": "a CPU device", "accelerator": "an accelerator, which may be a program on the CPU"}
    kind = no_gpu.get(gpu.type, f"type {gpu.type}")
    return ", ".join(filter(None, (printable(gpu.device), printable(gpu.version), kind)))
