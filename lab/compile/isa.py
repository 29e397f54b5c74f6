"""Instruction sets of x86-64 that the CPU kernels know: one record each, best first."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from lab.core.errors import CompileError

Dot = Literal["vpdpbusd", "maddubs"]


@dataclass(frozen=True)
class Isa:
    """What a kernel template needs to know of a CPU.

    `lanes` is the width of an int32 vector, `dot` the instruction that multiplies unsigned weight bytes by
    signed activation bytes, `tile_rows` and `tile_blocks` the rows of activations and the weight vectors whose
    products a prefill tile keeps in registers. `llvm_features` are LLVM's names, `cpu_flags` the same features as
    Linux names them in /proc/cpuinfo.
    """

    name: str
    lanes: int
    dot: Dot
    dot_intrinsic: str
    tile_rows: int
    tile_blocks: int
    llvm_features: tuple[str, ...]
    cpu_flags: tuple[str, ...]


_AVX2_LLVM = ("avx2", "fma", "f16c")

# 512-bit: 12 float and 12 integer accumulators, four weight vectors, an activation and a mask fit 32 registers.
# 256-bit: 16 registers hold 5 + 5 accumulators, two weight vectors, a mask and two temporaries.
X86_ISAS: tuple[Isa, ...] = (
    Isa(
        name="avx512-vnni",
        lanes=16,
        dot="vpdpbusd",
        dot_intrinsic="llvm.x86.avx512.vpdpbusd.512",
        tile_rows=6,
        tile_blocks=2,
        llvm_features=(*_AVX2_LLVM, "avx512f", "avx512bw", "avx512vl", "avx512dq", "avx512vnni"),
        cpu_flags=("avx2", "fma", "f16c", "avx512f", "avx512bw", "avx512vl", "avx512dq", "avx512_vnni"),
    ),
    Isa(
        name="avx-vnni",
        lanes=8,
        dot="vpdpbusd",
        dot_intrinsic="llvm.x86.avx512.vpdpbusd.256",
        tile_rows=5,
        tile_blocks=1,
        llvm_features=(*_AVX2_LLVM, "avxvnni"),
        cpu_flags=("avx2", "fma", "f16c", "avx_vnni"),
    ),
    Isa(
        name="avx2",
        lanes=8,
        dot="maddubs",
        dot_intrinsic="avx2",
        tile_rows=4,
        tile_blocks=1,
        llvm_features=_AVX2_LLVM,
        cpu_flags=("avx2", "fma", "f16c"),
    ),
    Isa(
        name="baseline",
        lanes=4,
        dot="maddubs",
        dot_intrinsic="ssse3",
        tile_rows=4,
        tile_blocks=1,
        llvm_features=("ssse3", "sse4.1"),
        cpu_flags=("ssse3", "sse4_1"),
    ),
)


def best_isa(llvm_features: Collection[str], cpu: str) -> Isa:
    """Return the first record whose features all are among `llvm_features` (LLVM's names, no sign)."""
    for isa in X86_ISAS:
        if set(isa.llvm_features) <= set(llvm_features):
            return isa
    missing = sorted(set(X86_ISAS[-1].llvm_features) - set(llvm_features))
    raise CompileError(
        f"cpu '{cpu}' has no {', '.join(missing)}, which the smallest kernels need",
        hint="set [compile].cpu of the target to 'x86-64-v2' or newer",
    )


def isa_named(name: str) -> Isa:
    """Return the record called `name` (for tests and for reading manifests)."""
    return next(isa for isa in X86_ISAS if isa.name == name)
