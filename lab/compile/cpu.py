"""Which instructions a target's CPU has, and so which kernels it gets."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

from lab.compile.isa import Isa, best_isa
from lab.core.errors import CompileError
from lab.core.suggest import unknown
from lab.core.target import CompileSpec

CPUINFO = Path("/proc/cpuinfo")

# LLVM and Linux name a few features differently.
_LINUX_NAMES = {
    "sse4.1": "sse4_1",
    "sse4.2": "sse4_2",
    "avxvnni": "avx_vnni",
    "avx512vnni": "avx512_vnni",
    "avx512bf16": "avx512_bf16",
    "avx512bitalg": "avx512_bitalg",
    "avx512vbmi2": "avx512_vbmi2",
    "avx512vpopcntdq": "avx512_vpopcntdq",
    "avx512fp16": "avx512_fp16",
}
_LLVM_NAMES = {linux: llvm for llvm, linux in _LINUX_NAMES.items()}

# The levels of the x86-64 psABI, as far as kernels ask for them; other names are looked up in LLVM.
_V2 = ("ssse3", "sse4.1", "sse4.2")
_V3 = (*_V2, "avx", "avx2", "fma", "f16c", "bmi", "bmi2")
_LEVELS: dict[str, tuple[str, ...]] = {
    "x86-64": (),
    "x86-64-v2": _V2,
    "x86-64-v3": _V3,
    "x86-64-v4": (*_V3, "avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"),
}


@dataclass(frozen=True)
class Cpu:
    """The kernels' ISA record and every feature that the compiled code may use, in LLVM's names."""

    isa: Isa
    llvm_features: tuple[str, ...]

    @property
    def required_features(self) -> tuple[str, ...]:
        """The same features as Linux names them in /proc/cpuinfo."""
        return tuple(_LINUX_NAMES.get(name, name) for name in self.llvm_features)


def choose_cpu(spec: CompileSpec) -> Cpu:
    """Return what to compile for. CompileError: not x86-64, no such CPU, or one too small for the kernels.

    The code uses the features of the ISA record and those that the target file adds, and no others: so a bundle
    runs on every machine that has the record's features, and the features it needs are exactly known.
    """
    if not spec.mtriple.startswith("x86_64"):
        raise CompileError(
            f"[compile].mtriple {spec.mtriple!r}: kernels for this architecture are not in this version",
            hint="set mtriple = 'x86_64-unknown-linux-gnu'",
        )
    added = {name[1:] for name in spec.features if name.startswith("+")}
    removed = {name[1:] for name in spec.features if name.startswith("-")}
    isa = best_isa((_features_of(spec.cpu) | added) - removed, spec.cpu)
    return Cpu(isa, (*isa.llvm_features, *sorted(added - set(isa.llvm_features))))


def machine_features() -> frozenset[str]:
    """Return this machine's features in LLVM's names; CompileError where they can't be read."""
    try:
        lines = CPUINFO.read_text(errors="replace").splitlines()
    except OSError as problem:
        raise CompileError(
            f"{CPUINFO}: {problem.strerror}; cpu = 'native' needs it", hint="name the cpu in the target file"
        ) from problem
    flags = next((line.split(":", 1)[1].split() for line in lines if line.startswith("flags")), [])
    return frozenset(_LLVM_NAMES.get(flag, flag) for flag in flags)


def _features_of(cpu: str) -> frozenset[str]:
    if cpu == "native":
        return machine_features()
    if cpu in _LEVELS:
        return frozenset(_LEVELS[cpu])
    return _ask_llvm(cpu)


@functools.cache
def _ask_llvm(cpu: str) -> frozenset[str]:
    from tvm.target import Target, codegen

    known = [str(name) for name in codegen.llvm_get_cpu_archlist(Target({"kind": "llvm", "mcpu": "x86-64"}))]
    if cpu not in known:
        raise CompileError(unknown("cpu", cpu, ["native", *known]), hint="set [compile].cpu of the target file")
    return frozenset(str(name) for name in codegen.llvm_get_cpu_features(Target({"kind": "llvm", "mcpu": cpu})))
