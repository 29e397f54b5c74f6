"""Which instructions a target's CPU has, and so which kernels it gets."""

from __future__ import annotations

import functools
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.compile.cpu.isa import Isa, architecture, best_isa
from lab.core.errors import CompileError
from lab.core.suggest import unknown
from lab.formats.target import CompileSpec

CPUINFO = Path("/proc/cpuinfo")

# LLVM and Linux name a few features differently, and Linux some of ARM's twice: for scalars and for vectors.
_LINUX_NAMES: dict[str, tuple[str, ...]] = {
    "sse4.1": ("sse4_1",),
    "sse4.2": ("sse4_2",),
    "avxvnni": ("avx_vnni",),
    "avx512vnni": ("avx512_vnni",),
    "avx512bf16": ("avx512_bf16",),
    "avx512bitalg": ("avx512_bitalg",),
    "avx512vbmi2": ("avx512_vbmi2",),
    "avx512vpopcntdq": ("avx512_vpopcntdq",),
    "avx512fp16": ("avx512_fp16",),
    "fp-armv8": ("fp",),
    "neon": ("asimd",),
    "dotprod": ("asimddp",),
    "fullfp16": ("fphp", "asimdhp"),
    "fp16fml": ("asimdfhm",),
    "rdm": ("asimdrdm",),
    "lse": ("atomics",),
    "crc": ("crc32",),
    "aes": ("aes", "pmull"),
    "sha2": ("sha1", "sha2"),
    "rcpc": ("lrcpc",),
    "jsconv": ("jscvt",),
    "complxnum": ("fcma",),
}
_FLAG_LINES = ("flags", "Features")  # x86's and ARM's lines of /proc/cpuinfo

# The levels of the x86-64 psABI, as far as kernels ask for them; other names are looked up in LLVM.
_V2 = ("ssse3", "sse4.1", "sse4.2")
_V3 = (*_V2, "avx", "avx2", "fma", "f16c", "bmi", "bmi2")
_LEVELS: dict[str, tuple[str, ...]] = {
    "x86-64": (),
    "x86-64-v2": _V2,
    "x86-64-v3": _V3,
    "x86-64-v4": (*_V3, "avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"),
}
# Names that LLVM takes for aarch64 and leaves out of its own list.
_UNLISTED = ("apple-m1", "apple-m2", "apple-m3")


@dataclass(frozen=True)
class Cpu:
    """The kernels' ISA record and every feature that the compiled code may use, in LLVM's names."""

    isa: Isa
    llvm_features: tuple[str, ...]

    @property
    def required_features(self) -> tuple[str, ...]:
        """The same features as Linux names them in /proc/cpuinfo."""
        return tuple(flag for name in self.llvm_features for flag in _LINUX_NAMES.get(name, (name,)))


def choose_cpu(spec: CompileSpec) -> Cpu:
    """Return what to compile for. CompileError: no kernels for its kind, no such CPU, or one too small for them.

    The code uses the features of the ISA record and those that the target file adds, and no others: so a bundle
    runs on every machine that has the record's features, and the features it needs are exactly known.
    """
    arch = architecture(spec.mtriple)
    added = {name[1:] for name in spec.features if name.startswith("+")}
    removed = {name[1:] for name in spec.features if name.startswith("-")}
    isa = best_isa(arch, (_features_of(spec) | added) - removed, spec.cpu)
    return Cpu(isa, (*isa.llvm_features, *sorted(added - set(isa.llvm_features))))


def machine_features() -> frozenset[str]:
    """Return this machine's features in LLVM's names; CompileError where they can't be read."""
    try:
        lines = CPUINFO.read_text(errors="replace").splitlines()
    except OSError as problem:
        raise CompileError(
            f"{CPUINFO}: {problem.strerror}; cpu = 'native' needs it", hint="name the cpu in the target file"
        ) from problem
    flags = next((set(line.split(":", 1)[1].split()) for line in lines if line.startswith(_FLAG_LINES)), set())
    return frozenset(flags) | {name for name, linux in _LINUX_NAMES.items() if set(linux) <= flags}


def _features_of(spec: CompileSpec) -> frozenset[str]:
    if spec.cpu == "native":
        _check_native(spec.mtriple)
        return machine_features()
    if spec.mtriple.startswith("x86_64") and spec.cpu in _LEVELS:
        return frozenset(_LEVELS[spec.cpu])
    return _ask_llvm(spec.mtriple, spec.cpu)


def _check_native(mtriple: str) -> None:
    """Raise CompileError where "native" would be asked of a machine of another kind than the target's."""
    wanted, here = mtriple.split("-")[0], platform.machine()
    if wanted != here:
        raise CompileError(
            f"cpu = 'native' means this machine, which is {here}, but [compile].mtriple is for {wanted}",
            hint="name the target's cpu, for example 'cortex-a76', in [compile].cpu of the target file",
        )


@functools.cache
def _ask_llvm(mtriple: str, cpu: str) -> frozenset[str]:
    from tvm.target import Target, codegen

    def target(name: str) -> Any:
        return Target({"kind": "llvm", "mtriple": mtriple, "mcpu": name})

    known = [str(name) for name in codegen.llvm_get_cpu_archlist(target(architecture(mtriple).base_cpu))]
    known += [name for name in _UNLISTED if mtriple.startswith("aarch64")]
    if cpu not in known:
        raise CompileError(unknown("cpu", cpu, ["native", *known]), hint="set [compile].cpu of the target file")
    return frozenset(str(name) for name in codegen.llvm_get_cpu_features(target(cpu)))
