"""The runner on a GPU: how it is sent there, and what the GPU's driver and kernels report, as records hold it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from lab.core.errors import MeasureError
from lab.core.text import printable
from lab.devices.base import Device
from lab.formats.manifest import BundleManifest
from lab.formats.run.gpu import KernelTimes
from lab.formats.run_record import CellMemory, GpuRun, Profile, Repetition
from lab.formats.target import TargetSpec
from lab.measure.attempt import Attempt
from lab.ondevice.build import RunnerFiles
from lab.ondevice.events import RanOn
from lab.ondevice.gpu_events import GpuDid, GpuFacts, KernelTime
from lab.ondevice.run_log import RunLog

PROGRAMS = "programs"


@dataclass(frozen=True)
class GpuCall:
    """`kind` is "opencl" or "metal", `plugin` the path on the device, `options` what the plug-in is told."""

    kind: str
    plugin: str
    options: Mapping[str, Any] = field(default_factory=dict)

    def words(self, *, profile: bool = False) -> list[str]:
        """Return the options of the runner; with `profile` every kernel is timed, which slows it down."""
        options = {**self.options, "profile": profile} if self.kind == "opencl" else dict(self.options)
        words = ["--device", self.kind, "--plugin", self.plugin]
        return [*words, *(["--gpu-options", json.dumps(options)] if options else [])]


def is_gpu(target: TargetSpec) -> bool:
    """Whether the target's kernels run on a GPU."""
    return target.compile.kind != "llvm"


def gpu_call(device: Device, target: TargetSpec, runner: RunnerFiles, plugin: str | None) -> GpuCall | None:
    """Return how the target's GPU is reached with the plug-in that lies at `plugin`; None for a processor."""
    if not is_gpu(target):
        return None
    if plugin is None:
        raise MeasureError(f"{target.name}: the runner has no plug-in for {target.compile.kind}")
    if target.compile.kind != "opencl":
        return GpuCall(target.compile.kind, plugin)
    asked = target.opencl
    # Programs that one runner made are no use to another: its key stands for the plug-in's version too.
    folder = device.scratch(f"{PROGRAMS}/{runner.key[:12]}")
    options = {"device": asked.device, "library": asked.library, "cache_dir": folder, "zero_copy": True}
    return GpuCall("opencl", plugin, options)


# MLC-LLM's own names of the layouts that are its, and what lab calls the one that is not.
MLC_NAMES = {"mlc-kn": "q4f16_0", "mlc-kn-f32": "q4f16_0 with float32 scales"}


def effective_name(ran_on: RanOn) -> str:
    """Return what really ran, in words."""
    if ran_on.gpu is None:
        return " ".join(filter(None, (ran_on.device, ran_on.arch, ran_on.isa)))
    gpu = ran_on.gpu
    driver = " ".join(filter(None, (printable(gpu.platform), printable(gpu.driver), f"{gpu.type.upper()} device")))
    return f"{ran_on.device} {printable(gpu.device)} ({driver})"


def fell_back(gpu: GpuFacts, target: TargetSpec) -> bool:
    """Whether OpenCL computes on something else than a GPU, where the target asks for no other type.

    What calls itself an accelerator mostly is a program on the CPU, such as Intel's FPGA emulation.
    """
    asked = target.opencl.device.lower() == gpu.type
    return gpu.type != "gpu" and not asked and not target.opencl.accept_cpu


def with_gpu(row: Repetition, log: RunLog, manifest: BundleManifest) -> Repetition:
    """Return the repetition with what the GPU did, and the bytes that the program moves; as it is without a GPU."""
    if log.gpu is None:
        return row
    moved = manifest.decode.bytes if manifest.decode else None
    return replace(row, gpu=replace(_did(log.gpu), bytes_per_token=moved))


def _did(did: GpuDid) -> GpuRun:
    counted = GpuRun(did.launches_per_token, did.prefill_launches)
    if did.stats is None:
        return counted
    stats = asdict(did.stats)
    build_ns = stats.pop("build_ns")
    del stats["alloc_bytes"]  # of the end of the process: nothing happens at that moment
    return replace(counted, build_s=build_ns / 1e9, **stats)


def with_driver_memory(memory: CellMemory, log: RunLog) -> CellMemory:
    """Return the memory with the driver's own counters beside the kernel's."""
    if log.memory is None:
        return memory
    counters = log.memory.counters
    return replace(
        memory,
        opencl_alloc_peak_bytes=counters.opencl_alloc_peak_bytes,
        opencl_zero_copy_bytes=counters.opencl_zero_copy_bytes,
    )


def profile_of(how: Attempt, log: RunLog) -> Profile:
    """Return the kernels of a profile pass by the time they took, of prefill and of all decode steps; or a reason."""
    did = log.gpu
    if how.ending != "whole" or did is None or did.prefill_profile is None or did.decode_profile is None:
        return Profile(reason=how.reason or "the runner gave no profile")
    steps, prefill, decode = did.decode_steps, did.prefill_profile, did.decode_profile
    return Profile(decode_steps=steps, prefill=_totals(prefill), decode=_totals(decode))


def _totals(profile: tuple[KernelTime, ...]) -> tuple[KernelTimes, ...]:
    rows = sorted(profile, key=lambda row: (-row.total_ns, row.kernel))
    return tuple(KernelTimes(row.kernel, row.count, row.total_ns / 1e9) for row in rows)
