"""What can be refused before minutes are spent on compiling and converting."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lab.compile.chip import target_layout
from lab.core.errors import UsageError
from lab.core.progress import Progress
from lab.formats.manifest import MemoryBlock, ModelBlock
from lab.formats.target import TargetSpec
from lab.jobs.options import RunOptions
from lab.measure.checks import check_context, check_memory, check_ram_share, check_threads
from lab.measure.plan import Plan
from lab.models.catalog import ModelSpec
from lab.models.convert.manifest import model_block
from lab.models.params import kv_bytes_per_token, weights_bytes
from lab.ondevice.android.build import require_tools
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


def check_judge(spec: ModelSpec, options: RunOptions, progress: Progress) -> None:
    """Raise UsageError for what a model that judges texts has not: another engine, which would have to make tokens.

    That it generates nothing is told where somebody asked for tokens: their number is passed over.
    """
    if spec.config.labels is None:
        return
    others = [name for name in options.engines if name != "tvm"]
    if others:
        raise UsageError(f"{spec.label} judges texts, and {others[0]} measures tokens", hint="leave --engine out")
    if options.generate is not None:
        progress.note(f"{spec.label} judges texts and makes no tokens: --generate is passed over")


def check_profile(asked: bool, target: TargetSpec) -> None:
    """Raise UsageError where --profile is asked of a target that has no GPU to profile."""
    if asked and target.compile.kind != "opencl":
        raise UsageError(
            f"--profile times the kernels of an OpenCL device, and those of {target.name} are for {target.compile.kind}"
        )
