"""What a GPU said and did, as records hold it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from lab.core.fields import encode
from lab.core.text import printable
from lab.formats.bundle import BundleManifest
from lab.formats.run_record import CellMemory, Repetition
from lab.formats.target import TargetSpec
from lab.measure.attempt import Attempt
from lab.ondevice.events import RanOn
from lab.ondevice.gpu_events import GpuDid, GpuFacts, KernelTime
from lab.ondevice.run_log import RunLog

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


def bundle_extra(manifest: BundleManifest) -> dict[str, Any]:
    """Return what the compiler said of a GPU's bundle: its decode step, what nobody could check, its layout's name."""
    kept: dict[str, Any] = {
        name: manifest.extra[name] for name in ("decode", "unverified_on_device") if name in manifest.extra
    }
    mlc = MLC_NAMES.get(manifest.weights.layout)
    return kept if mlc is None else {**kept, "mlc_quantisation": mlc}


def with_gpu(row: Repetition, log: RunLog, manifest: BundleManifest) -> Repetition:
    """Return the repetition with what the GPU did, and the bytes that the program moves; as it is without a GPU."""
    if log.gpu is None:
        return row
    program = manifest.extra.get("decode")
    moved = program.get("bytes") if isinstance(program, dict) else None
    return replace(row, extra={**row.extra, "gpu": {**_did(log.gpu), "bytes_per_token": moved}})


def _did(did: GpuDid) -> dict[str, Any]:
    counted = {"launches_per_token": did.launches_per_token, "prefill_launches": did.prefill_launches}
    if did.stats is None:
        return counted
    stats = encode(did.stats)
    build_ns = stats.pop("build_ns")
    del stats["alloc_bytes"]  # of the end of the process: nothing happens at that moment
    return {**counted, "build_s": build_ns / 1e9, **stats}


def with_driver_memory(memory: CellMemory, log: RunLog) -> CellMemory:
    """Return the memory with the driver's own counters beside the kernel's."""
    if log.memory is None:
        return memory
    counters = {name: value for name, value in encode(log.memory.counters).items() if name.startswith("opencl_")}
    return replace(
        memory, extra={**memory.extra, **{name: value for name, value in counters.items() if value is not None}}
    )


def profile_block(how: Attempt, log: RunLog) -> dict[str, Any]:
    """Return the kernels of a profile pass by the time they took, of prefill and of all decode steps; or a reason."""
    did = log.gpu
    if how.ending != "whole" or did is None or did.prefill_profile is None or did.decode_profile is None:
        return {"reason": how.reason or "the runner gave no profile"}
    return {
        "decode_steps": did.decode_steps,
        "prefill": _totals(did.prefill_profile),
        "decode": _totals(did.decode_profile),
    }


def _totals(profile: tuple[KernelTime, ...]) -> list[dict[str, Any]]:
    rows = sorted(profile, key=lambda one: (-one.total_ns, one.kernel))
    return [{"kernel": one.kernel, "count": one.count, "total_s": one.total_ns / 1e9} for one in rows]
