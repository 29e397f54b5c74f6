"""What can be refused before minutes are spent: on compiling and converting, or on what a run cannot go on with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.compile.chip import target_layout
from lab.core.errors import BusyError, NotComparableError, UsageError
from lab.core.lock import device_lock
from lab.core.lock_holder import holder_line
from lab.core.progress import Progress
from lab.devices.base import Device
from lab.formats.bundle import load_manifest
from lab.formats.manifest import MemoryBlock, ModelBlock
from lab.formats.run_record import RunRecord
from lab.formats.target import TargetSpec
from lab.measure.checks import check_context, check_memory, check_ram_share, check_threads
from lab.measure.plan import Plan
from lab.measure.runner.starting import startable
from lab.models.catalog import ModelSpec
from lab.models.convert.manifest import model_block
from lab.models.params import kv_bytes_per_token, weights_bytes
from lab.ondevice.android.build import require_tools
from lab.ondevice.build import RunnerFiles
from lab.ondevice.systems import ANDROID_TRIPLE


@dataclass(frozen=True)
class Foreseen:
    """The two blocks of a bundle's manifest that the checks read, known before there is a bundle."""

    model: ModelBlock
    memory: MemoryBlock


def check_tools(target: TargetSpec, progress: Progress) -> None:
    """Raise CompileError where this machine lacks what builds the target's runner: before a device is asked."""
    if target.compile.mtriple == ANDROID_TRIPLE:
        require_tools(progress)


def check_early(spec: ModelSpec, target: TargetSpec, plan: Plan, facts: dict[str, Any]) -> None:
    """Raise MeasureError for a plan that does not fit the device or the model; the session asks again."""
    layout = target_layout(target.compile)
    model = (spec.config, spec.scheme, layout)
    foreseen = Foreseen(model_block(spec, layout), MemoryBlock(weights_bytes(*model), kv_bytes_per_token(*model), None))
    check_threads(plan, facts, target)
    check_context(plan, foreseen)
    check_memory(plan, foreseen, facts)
    check_ram_share(plan, foreseen, facts, target)


def startable_runner(device: Device, runner: RunnerFiles, target: TargetSpec, progress: Progress) -> RunnerFiles:
    """Start the runner on the device before anything is built for it; return it, or one that can be started there.

    Left alone, since the session asks again: this machine, to which nothing has to be sent, and a device that
    somebody else measures on.

    Raises:
        NotStartedError: nothing that is built could ever run there; with the cure.
        DeviceUnreachableError: the device went away.
    """
    if target.device.transport == "local":
        return runner
    what = f"start of the runner on {target.name}"
    try:
        with device_lock(device.serial, what), device.claim(holder_line(what)):
            return startable(device, runner, target, progress.note)
    except BusyError:
        return runner


def check_profile(asked: bool, target: TargetSpec) -> None:
    """Raise UsageError where --profile is asked of a target that has no GPU to profile."""
    if asked and target.compile.kind != "opencl":
        raise UsageError(
            f"--profile times the kernels of an OpenCL device, and those of {target.name} are for {target.compile.kind}"
        )


def check_same_settings(record: RunRecord, plan: Plan) -> None:
    """Raise NotComparableError when the target asks for other settings now than when `record` was measured."""
    if record.bundle.key and plan.settings_fingerprint != record.plan.settings_fingerprint:
        raise NotComparableError(
            f"targets/{record.target.name}.toml measures otherwise than when run {record.run_id} was made",
            hint="measure anew, without --resume",
        )


def check_same_build(record: RunRecord, bundle: Path) -> None:
    """Raise NotComparableError when what would run now is not what ran then."""
    key = load_manifest(bundle, "bundle").key
    if record.bundle.key and key != record.bundle.key:
        raise NotComparableError(
            f"run {record.run_id} measured build {record.bundle.key[:12]}, and this lab makes {key[:12]}",
            hint="measure anew, without --resume",
        )
