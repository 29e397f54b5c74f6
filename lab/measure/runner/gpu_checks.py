"""What must hold of a GPU before a bundle goes to it; asked of the runner, which asks the driver."""

from __future__ import annotations

from collections.abc import Sequence

from lab.core.errors import DeviceError, DeviceFailedError, MeasureError
from lab.core.text import printable
from lab.core.units import human_bytes
from lab.devices.base import Device
from lab.formats.manifest import BundleManifest
from lab.formats.target import TargetSpec
from lab.measure.checks import memory_need
from lab.measure.plan import Plan
from lab.measure.protocol import PAGE_TOKENS
from lab.measure.runner.ask import ask
from lab.measure.runner.invocation import Placed
from lab.measure.runner.starting import check_starts
from lab.ondevice.build import RunnerFiles
from lab.ondevice.events import Info
from lab.ondevice.gpu_events import GpuFacts

EXTENSION = "cl_"  # what the names of OpenCL's extensions begin with, and those of a processor's features never


def extensions_of(manifest: BundleManifest) -> list[str]:
    """Return the extensions that a library needs of its OpenCL device."""
    return [name for name in manifest.target.required_features if name.startswith(EXTENSION)]


def gpu_facts(device: Device, placed: Placed, target: TargetSpec, runner: RunnerFiles) -> GpuFacts:
    """Return what the driver says of the target's GPU.

    Raises:
        DeviceFailedError: there is no driver or no such device; it says what was tried. Or the runner does not start.
    """
    said, why = ask(device, placed.info(), placed.env, Info)
    if said is None:
        check_starts(device, placed, runner, target)
        raise DeviceFailedError(f"{target.name}: {printable(why)}", hint=_hint(target))
    if said.gpu is None:
        raise DeviceFailedError(f"{target.name}: the runner says nothing of a GPU")
    return said.gpu


def check_gpu(gpu: GpuFacts, manifest: BundleManifest, target: TargetSpec, plan: Plan) -> None:
    """Raise for what the device lacks.

    Raises:
        DeviceError: an extension that the library was compiled for.
        MeasureError: room for a tensor, for a layer of the KV cache, or for everything together.
    """
    check_extensions(gpu, extensions_of(manifest), target)
    _check_largest(gpu, manifest, plan)
    need = memory_need(plan, manifest)
    if gpu.global_bytes is not None and need.total_bytes > gpu.global_bytes:
        raise MeasureError(
            f"{manifest.model.label}: not enough memory: needs {need},"
            f" {printable(gpu.device)} has {human_bytes(gpu.global_bytes)}",
            hint="lower --prompt, --generate or --depth, or take a smaller model",
        )


def check_extensions(gpu: GpuFacts, required: Sequence[str], target: TargetSpec) -> None:
    """Raise DeviceError for what the device lacks of `required`; one that lists none is not asked."""
    missing = [name for name in required if name not in gpu.extensions]
    if missing and gpu.extensions:
        raise DeviceError(
            f"{target.name}: its OpenCL device ({printable(gpu.device)}) has no {', '.join(missing)},"
            " which the library was compiled for",
            hint=f'set [compile].gpu = "any-f32" in targets/{target.name}.toml (it is "{target.compile.gpu}")',
        )


def _check_largest(gpu: GpuFacts, manifest: BundleManifest, plan: Plan) -> None:
    limit = gpu.max_alloc_bytes
    for name, size in (*((one.name, one.nbytes) for one in manifest.tensors), _cache_of_a_layer(manifest, plan)):
        if limit is not None and size > limit:
            raise MeasureError(
                f"{manifest.model.label}: {name} has {human_bytes(size)}, but {printable(gpu.device)} takes"
                f" {human_bytes(limit)} at a time (CL_DEVICE_MAX_MEM_ALLOC_SIZE)",
                hint="take a smaller model, or lower --prompt, --generate and --depth if it is the KV cache",
            )


def _cache_of_a_layer(manifest: BundleManifest, plan: Plan) -> tuple[str, int]:
    context = max(cell.context for cell in plan.cells)
    tokens = -(-context // PAGE_TOKENS) * PAGE_TOKENS
    return "a layer's KV cache", tokens * manifest.memory.kv_bytes_per_token // manifest.model.layers


def _hint(target: TargetSpec) -> str | None:
    if target.compile.kind != "opencl":
        return None
    place = f"targets/{target.name}.toml"
    install = "; on Debian, pocl-opencl-icd brings one that computes on the CPU" if _is_here(target) else ""
    return f"install the OpenCL driver of its GPU, or name its libOpenCL in [opencl].library of {place}{install}"


def _is_here(target: TargetSpec) -> bool:
    return target.device.transport == "local"
