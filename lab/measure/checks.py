"""What must hold before anything starts: context, memory, threads, processor features."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from lab.core.errors import DeviceError, MeasureError
from lab.core.units import human_bytes, percent
from lab.formats.manifest import BundleManifest, MemoryBlock, ModelBlock
from lab.formats.target import TargetSpec
from lab.measure.plan import Plan
from lab.measure.protocol import PAGE_TOKENS
from lab.measure.runner.ask import Reply, answer_in
from lab.ondevice.events import Info

ACTIVATION_ROWS = 16  # widths of the hidden state that a prefill chunk holds at once in f32: about a Phi-3 block
# LLVM's name where it is more than the kernel's without its separators.
LLVM_NAMES = {
    "pni": "sse3",
    "abm": "lzcnt",
    "lahf_lm": "sahf",
    "pclmulqdq": "pclmul",
    "asimd": "neon",
    "asimddp": "dotprod",
    "asimdhp": "fullfp16",
    "fphp": "fullfp16",
    "asimdfhm": "fp16fml",
}


@dataclass(frozen=True)
class MemoryNeed:
    """Bytes that the largest cell takes; the workspace is estimated where nobody measured it."""

    weights_bytes: int
    kv_bytes: int
    workspace_bytes: int
    estimated: bool

    @property
    def total_bytes(self) -> int:
        """The sum."""
        return self.weights_bytes + self.kv_bytes + self.workspace_bytes

    def __str__(self) -> str:
        about = "about " if self.estimated else ""
        return (
            f"{human_bytes(self.weights_bytes)} weights + {human_bytes(self.kv_bytes)} KV cache"
            f" + {about}{human_bytes(self.workspace_bytes)} workspace = {human_bytes(self.total_bytes)}"
        )


class Sized(Protocol):
    """What the checks of size read: a bundle's manifest, or what is known before there is one."""

    @property
    def model(self) -> ModelBlock:
        """The model."""

    @property
    def memory(self) -> MemoryBlock:
        """What it takes on a device."""


def check_all(plan: Plan, manifest: BundleManifest, target: TargetSpec, facts: dict[str, Any]) -> None:
    """Raise for the first thing that would make the session fail.

    Raises:
        MeasureError: too long for the model, too large for the memory, too many threads.
        DeviceError: the processor lacks a feature that the library was compiled for.
    """
    check_cpu_features(processor_features(manifest), facts, target)
    check_threads(plan, facts, target)
    check_context(plan, manifest)
    check_memory(plan, manifest, facts)
    check_ram_share(plan, manifest, facts, target)


def processor_features(manifest: BundleManifest) -> list[str]:
    """Return the features that a library needs of the processor: not those of an OpenCL device."""
    return [name for name in manifest.target.required_features if not name.startswith("cl_")]


def check_cpu_features(required: Iterable[str], facts: dict[str, Any], target: TargetSpec) -> None:
    """Raise DeviceError naming each of `required` (as in /proc/cpuinfo) that the device's processor lacks.

    An emulated device's /proc/cpuinfo may be that of the machine around it, so there `check_processor` alone decides.
    """
    if not target.is_emulated:
        _require(required, facts.get("cpu_flags"), facts.get("cpu_model"), target)


def check_processor(told: Reply, manifest: BundleManifest, target: TargetSpec) -> None:
    """Raise DeviceError for what the processor lacks as the runner itself sees it, which is what counts.

    A runner that started and can't answer says why when it is called to measure.
    """
    info, _ = answer_in(told, Info)
    if info is not None:
        _require(processor_features(manifest), info.features, info.cpu_model, target)


def _require(required: Iterable[str], flags: Iterable[str] | None, cpu_model: str | None, target: TargetSpec) -> None:
    missing = [] if flags is None else sorted(set(required) - set(flags))
    if missing:
        names = ", ".join(missing)
        raise DeviceError(
            f"{target.name}: its processor ({cpu_model or 'unknown'}) has no {names},"
            " which the library was compiled for",
            hint=_feature_hint(missing, target),
        )


def check_threads(plan: Plan, facts: dict[str, Any], target: TargetSpec) -> None:
    """Raise MeasureError when the plan wants more threads than the device has cores."""
    cores = facts.get("cores")
    if cores is not None and plan.threads > cores:
        there = "1 core" if cores == 1 else f"{cores} cores"
        raise MeasureError(
            f"{target.name}: {plan.threads} threads on {there} would wait for each other",
            hint=f"use --threads {cores} or fewer, or [measure].threads = 0 in targets/{target.name}.toml",
        )


def check_context(plan: Plan, manifest: Sized) -> None:
    """Raise MeasureError when a cell holds more tokens than the model can."""
    model = manifest.model
    image = model.image_positions
    for cell in plan.cells:
        if cell.context + image > model.context_max:
            more = f" + {image} of an image" if image else ""
            raise MeasureError(
                f"{cell.label}: {cell.depth} + {cell.prompt} + {cell.generate}{more} = {cell.context + image} tokens,"
                f" but {model.label} holds {model.context_max}",
                hint="lower --prompt, --generate or --depth, or take a model with a longer context",
            )


def check_memory(plan: Plan, manifest: Sized, facts: dict[str, Any]) -> None:
    """Raise MeasureError, with the sum, when the largest cell does not fit into what is available now."""
    need = memory_need(plan, manifest)
    available = facts.get("mem_available_bytes")
    if available is not None and need.total_bytes > available:
        raise MeasureError(
            f"{manifest.model.label}: not enough memory: needs {need}, available {human_bytes(available)}",
            hint="end other programs, or lower --prompt, --generate or --depth, or take a smaller model",
        )


def check_ram_share(plan: Plan, manifest: Sized, facts: dict[str, Any], target: TargetSpec) -> None:
    """Raise MeasureError, with the sum, when the largest cell takes more of the device's memory than the target allows.

    A phone ends a program that takes half of its memory, however much is free.
    """
    total, share = facts.get("mem_total_bytes"), target.measure.ram_share
    need = memory_need(plan, manifest)
    if total is not None and need.total_bytes > share * total:
        raise MeasureError(
            f"{manifest.model.label}: too large for {target.name}: needs {need}, and a model may take"
            f" {percent(share, 0)} of its {human_bytes(total)} = {human_bytes(share * total)}",
            hint="take a smaller model, lower --prompt, --generate or --depth, or raise [measure].ram_share in"
            f" targets/{target.name}.toml",
        )


def memory_need(plan: Plan, manifest: Sized) -> MemoryNeed:
    """Return what the cell with the longest context takes, in whole pages of the KV cache."""
    memory = manifest.memory
    context = max(cell.context for cell in plan.cells) + manifest.model.image_positions
    pages = -(-context // PAGE_TOKENS)
    guess = plan.measure.prefill_chunk * manifest.model.hidden_size * 4 * ACTIVATION_ROWS
    known = memory.workspace_bytes
    return MemoryNeed(
        weights_bytes=memory.weights_bytes,
        kv_bytes=pages * PAGE_TOKENS * memory.kv_bytes_per_token,
        workspace_bytes=guess if known is None else known,
        estimated=known is None,
    )


def _feature_hint(missing: list[str], target: TargetSpec) -> str:
    wanted = {_plain(feature) for feature in target.compile.features if feature.startswith("+")}
    asked = [name for name in missing if _plain(LLVM_NAMES.get(name, name)) in wanted]
    place = f"targets/{target.name}.toml"
    if asked:
        words = ", ".join(f for f in target.compile.features if _plain(f) in {_llvm(name) for name in asked})
        return f"{place}: take {words} out of [compile].features"
    if target.device.transport == "local":
        return f'{place}: set [compile].cpu = "native" (it is "{target.compile.cpu}") and compile on this machine'
    return f'{place}: [compile].cpu is "{target.compile.cpu}", set it to the name of the processor that the device has'


def _llvm(name: str) -> str:
    return _plain(LLVM_NAMES.get(name, name))


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
