"""What kernels are made for: a processor's instructions, or a family of GPUs."""

from __future__ import annotations

from lab.compile.cpu import Cpu, choose_cpu
from lab.compile.gpu import Gpu, gpu_named
from lab.formats.target import CompileSpec
from lab.models.layouts.n16k4 import LAYOUT

Chip = Cpu | Gpu


def choose_chip(spec: CompileSpec) -> Chip:
    """Return what to compile for; CompileError where the target file names nothing that is known."""
    return choose_cpu(spec) if spec.kind == "llvm" else gpu_named(spec.gpu, spec.kind)


def chip_name(chip: Chip) -> str:
    """Return the name of its kernels, which manifests have as `isa`."""
    return chip.name if isinstance(chip, Gpu) else chip.isa.name


def chip_layout(chip: Chip) -> str:
    """Return the weight layout that its kernels read."""
    return chip.layout if isinstance(chip, Gpu) else LAYOUT


def target_layout(spec: CompileSpec) -> str:
    """Return the weight layout that a target's kernels read; for a processor without asking which one it is."""
    return LAYOUT if spec.kind == "llvm" else gpu_named(spec.gpu, spec.kind).layout


def required_features(chip: Chip) -> tuple[str, ...]:
    """Return what a device must have: flags of /proc/cpuinfo, or extensions of OpenCL."""
    return chip.required if isinstance(chip, Gpu) else chip.required_features
