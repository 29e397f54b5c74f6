"""The words that send the runner to a GPU."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lab.core.errors import MeasureError
from lab.devices.base import Device
from lab.formats.target import TargetSpec
from lab.ondevice.build import RunnerFiles

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
