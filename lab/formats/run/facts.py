"""The tables of a record whose keys depend on the device or on the target, as far as lab itself reads them.

They are checked with the record and kept as they are. Everything is optional: records of older versions lack it, and
those of other programs may.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lab.core.fields import KeepsUnknown
from lab.formats.kinds import Bytes, Count


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
