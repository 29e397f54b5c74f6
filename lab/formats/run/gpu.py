"""What a run record says of a GPU: the device, what it did in a repetition, and the times of its kernels."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from lab.core.fields import LEFT_OUT, UNSET, KeepsUnknown, Unset
from lab.formats.kinds import Bytes, Count, NotNegative, Seconds


@dataclass(frozen=True)
class GpuDevice(KeepsUnknown):
    """`gpu` of `ran_on`: the device in its driver's words; null is what the driver does not tell."""

    device: str | None = field(default=None, metadata=LEFT_OUT)
    type: str | None = field(default=None, metadata=LEFT_OUT)
    library: str | None = field(default=None, metadata=LEFT_OUT)
    tried: tuple[str, ...] | None = field(default=None, metadata=LEFT_OUT)
    platform: str | None = field(default=None, metadata=LEFT_OUT)
    driver: str | None = field(default=None, metadata=LEFT_OUT)
    version: str | None = field(default=None, metadata=LEFT_OUT)
    fp16: bool | Unset | None = UNSET
    unified_memory: bool | Unset | None = UNSET
    max_alloc_bytes: Bytes | Unset | None = UNSET
    global_bytes: Bytes | Unset | None = UNSET
    local_bytes: Bytes | Unset | None = UNSET
    max_workgroup: Count | Unset | None = UNSET
    compute_units: Count | Unset | None = UNSET
    extensions: tuple[str, ...] | None = field(default=None, metadata=LEFT_OUT)


@dataclass(frozen=True)
class RanOn(KeepsUnknown):
    """`ran_on` of an engine: what the runner reports of the device and of the library that it loaded."""

    device: str | None = field(default=None, metadata=LEFT_OUT)
    arch: str | None = field(default=None, metadata=LEFT_OUT)
    cpu_model: str | None = field(default=None, metadata=LEFT_OUT)
    isa: str | None = field(default=None, metadata=LEFT_OUT)
    engine: str | None = field(default=None, metadata=LEFT_OUT)
    threads: Count | None = field(default=None, metadata=LEFT_OUT)
    pool: str | None = field(default=None, metadata=LEFT_OUT)
    bound: bool | None = field(default=None, metadata=LEFT_OUT)
    metadata: dict[str, Any] | None = field(default=None, metadata=LEFT_OUT)
    gpu: GpuDevice | None = field(default=None, metadata=LEFT_OUT)


@dataclass(frozen=True)
class GpuRun(KeepsUnknown):
    """`gpu` of a repetition: what the GPU did; null is not counted. A driver that counts nothing tells less."""

    launches_per_token: NotNegative | Unset | None = UNSET
    prefill_launches: Count | Unset | None = UNSET
    build_s: Seconds | None = field(default=None, metadata=LEFT_OUT)
    launches: Count | None = field(default=None, metadata=LEFT_OUT)
    programs_built: Count | None = field(default=None, metadata=LEFT_OUT)
    programs_cached: Count | None = field(default=None, metadata=LEFT_OUT)
    alloc_peak_bytes: Bytes | None = field(default=None, metadata=LEFT_OUT)
    zero_copy_bytes: Bytes | None = field(default=None, metadata=LEFT_OUT)
    to_device_bytes: Bytes | None = field(default=None, metadata=LEFT_OUT)
    from_device_bytes: Bytes | None = field(default=None, metadata=LEFT_OUT)
    bytes_per_token: int | float | Unset | None = UNSET


@dataclass(frozen=True)
class KernelTimes(KeepsUnknown):
    """One kernel of a profile: how often it ran, and how long in all."""

    kernel: str
    count: Count
    total_s: Seconds


@dataclass(frozen=True)
class Profile(KeepsUnknown):
    """`profile` of a cell: the kernels of prefill and of all decode steps by time; or the reason why there are none."""

    reason: str | None = field(default=None, metadata=LEFT_OUT)
    decode_steps: Count | None = field(default=None, metadata=LEFT_OUT)
    prefill: tuple[KernelTimes, ...] | None = field(default=None, metadata=LEFT_OUT)
    decode: tuple[KernelTimes, ...] | None = field(default=None, metadata=LEFT_OUT)
