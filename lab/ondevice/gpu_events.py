"""What `lab-bench` says of a GPU: the device as its driver names it, and what it did."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from lab.core.fields import Limits
from lab.formats.kinds import Bytes, Count

# fmt: off
Said = Annotated[str, Limits(pattern=r"(?s).{0,4000}")]
# fmt: on


@dataclass(frozen=True)
class GpuFacts:
    """The device. `library` is the driver's that was loaded, `tried` every one that was tried; null is not known.

    `type` "cpu" is a driver that computes on the processor. A plug-in that is not lab's own tells name and type alone.
    """

    device: Said
    type: Literal["gpu", "cpu", "accelerator", "other"]
    library: Said = ""
    tried: tuple[Said, ...] = ()
    platform: Said = ""
    driver: Said = ""
    version: Said = ""
    fp16: bool | None = None
    unified_memory: bool | None = None
    max_alloc_bytes: Bytes | None = None
    global_bytes: Bytes | None = None
    local_bytes: Bytes | None = None
    max_workgroup: Count | None = None
    compute_units: Count | None = None
    extensions: tuple[Said, ...] = ()


@dataclass(frozen=True)
class GpuStats:
    """What the plug-in counted since it opened the device. `build_ns` is time the driver took to make programs."""

    launches: Count
    programs_built: Count
    programs_cached: Count
    build_ns: Count
    alloc_bytes: Bytes
    alloc_peak_bytes: Bytes
    zero_copy_bytes: Bytes
    to_device_bytes: Bytes
    from_device_bytes: Bytes


@dataclass(frozen=True)
class KernelTime:
    """One kernel by its event timers: how often it ran, and how long in all."""

    kernel: Said
    count: Count
    total_ns: Count


@dataclass(frozen=True)
class GpuDid:
    """What the GPU did: launches up to the first token and in the `decode_steps` after it; null is not counted.

    The profiles are of the same two parts, and null unless they were asked for.
    """

    stats: GpuStats | None
    prefill_launches: Count | None
    decode_launches: Count | None
    decode_steps: Count
    prefill_profile: tuple[KernelTime, ...] | None
    decode_profile: tuple[KernelTime, ...] | None

    @property
    def launches_per_token(self) -> float | None:
        """Launches of one decode step, as a mean."""
        if self.decode_launches is None or not self.decode_steps:
            return None
        return self.decode_launches / self.decode_steps
