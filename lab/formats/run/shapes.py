"""What records hold beside their fixed keys, as far as lab itself reads it: checked with the record, kept as it is.

Everything is optional: records of older versions lack it, and those of other programs may.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lab.core.fields import KeepsUnknown
from lab.formats.kinds import Bytes, Count, NotNegative, Positive, Seconds


@dataclass(frozen=True)
class FactsShape(KeepsUnknown):
    """`device.facts`: what a device says of itself."""

    cpu_model: str | None = None
    arch: str | None = None
    os: str | None = None
    kernel: str | None = None
    cores: Count | None = None
    cpu_flags: tuple[str, ...] | None = None
    mem_total_bytes: Bytes | None = None
    mem_available_bytes: Bytes | None = None


@dataclass(frozen=True)
class SpecShape(KeepsUnknown):
    """`target.spec`: the tables of a target file."""

    device: dict[str, Any] | None = None
    adb: dict[str, Any] | None = None
    ssh: dict[str, Any] | None = None
    qemu: dict[str, Any] | None = None
    compile: dict[str, Any] | None = None
    opencl: dict[str, Any] | None = None
    measure: dict[str, Any] | None = None


@dataclass(frozen=True)
class LengthsShape(KeepsUnknown):
    """`lengths` of a plan: the step that was chosen, by which rates, and what its repetitions would take."""

    prompt: Positive
    generate: Positive
    prefill_tok_per_s: NotNegative
    decode_tok_per_s: NotNegative
    repetition_s: Seconds
    default_s: Seconds
    kept: bool


@dataclass(frozen=True)
class KernelShape(KeepsUnknown):
    """One kernel of a profile."""

    kernel: str
    count: Count
    total_s: Seconds


@dataclass(frozen=True)
class ProfileShape(KeepsUnknown):
    """`profile` of a cell: kernels by time, or why there are none."""

    reason: str | None = None
    prefill: tuple[KernelShape, ...] | None = None
    decode: tuple[KernelShape, ...] | None = None


@dataclass(frozen=True)
class GpuDidShape(KeepsUnknown):
    """`gpu` of a repetition: what the GPU did."""

    launches_per_token: NotNegative | None = None
    build_s: Seconds | None = None


@dataclass(frozen=True)
class DecodeShape(KeepsUnknown):
    """`decode` of a bundle: launches and bytes of one step, counted in the program."""

    launches: NotNegative | None = None
    bytes: NotNegative | None = None


@dataclass(frozen=True)
class RanOnShape(KeepsUnknown):
    """`ran_on` of an engine: the kind of device, and the driver's words of a GPU."""

    device: str | None = None
    gpu: dict[str, Any] | None = None


@dataclass(frozen=True)
class ImportedShape(KeepsUnknown):
    """`imported` of a run: which program measured, and which file it came from."""

    tool: str | None = None
    file: str | None = None
    format: str | None = None
    rows_sha256: str | None = None


Shapes = Mapping[str, Any]
RUN: Shapes = {
    "imported": ImportedShape | None,
    "other_columns": str | None,
    "session": str | None,
    "resumes": str | None,
    "by_address": bool | None,
}
PROTOCOL: Shapes = {"name": str | None}
ENGINE: Shapes = {
    "fell_back": bool | None,
    "ran_on": RanOnShape | None,
    "runner": dict[str, Any] | None,
}
BUNDLE: Shapes = {
    "decode": DecodeShape | None,
    "mlc_quantisation": str | None,
    "unverified_on_device": tuple[str, ...] | None,
}
PLAN: Shapes = {
    "adapts": bool | None,
    "precision": NotNegative | None,
    "budget_s": Seconds | None,
    "lengths": LengthsShape | None,
}
CELL: Shapes = {"profile": ProfileShape | None}
MEMORY: Shapes = {"opencl_alloc_peak_bytes": Bytes | None, "reason": str | None}
REPETITION: Shapes = {"error": str | None, "gpu": GpuDidShape | None, "throttled_reason": str | None}
