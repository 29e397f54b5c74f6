"""Instruction sets that the CPU kernels know: one record each, best first, by architecture."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from lab.core.errors import CompileError

Dot = Literal["vpdpbusd", "maddubs", "usmmla", "sdot", "smull"]


@dataclass(frozen=True)
class Isa:
    """What a kernel template needs to know of a CPU.

    `lanes` is the width of an int32 vector, `dot` the instruction that multiplies weight bytes by signed activation
    bytes, `tile_rows` and `tile_blocks` the rows of activations and the weight vectors whose products a prefill tile
    keeps in registers, `float_rows` the rows where the sums are 16 floats wide. Attention keeps `score_sums` and
    `value_sums` such sums in decode, and `value_vectors` a row in prefill. `f16_products` says that products of float16
    add to float32 without a conversion, `float_sums` where a prefill tile keeps the sums of its groups.
    `llvm_features` are LLVM's names, `cpu_flags` the same features as Linux names them in /proc/cpuinfo.
    """

    name: str
    lanes: int
    dot: Dot
    dot_intrinsic: str
    tile_rows: int
    tile_blocks: int
    float_rows: int
    llvm_features: tuple[str, ...]
    cpu_flags: tuple[str, ...]
    score_sums: int = 8
    value_sums: int = 12
    value_vectors: int = 2
    f16_products: bool = False
    float_sums: Literal["registers", "cache"] = "registers"


_AVX2_LLVM = ("avx2", "fma", "f16c")

# 512-bit: 12 float and 12 integer accumulators, four weight vectors, an activation and a mask fit 32 registers.
# 256 and 128 bits: 16 registers hold 8 integer accumulators, two weight vectors, activations and temporaries; of
# floats, 6 rows of 16 are 12 of 256 bits, beside two of weights, keys or values and a broadcast.
# A sum of decode attention is two of 256 bits: 6 of them, and what they are added from. Which form is fastest was
# measured (`python -m benchmarks.tiles`): with vpdpbusd, so few instructions are left beside the products that float
# sums in registers win, though some are spilled.
X86_ISAS: tuple[Isa, ...] = (
    Isa(
        name="avx512-vnni",
        lanes=16,
        dot="vpdpbusd",
        dot_intrinsic="llvm.x86.avx512.vpdpbusd.512",
        tile_rows=6,
        tile_blocks=2,
        float_rows=6,
        llvm_features=(*_AVX2_LLVM, "avx512f", "avx512bw", "avx512vl", "avx512dq", "avx512vnni"),
        cpu_flags=("avx2", "fma", "f16c", "avx512f", "avx512bw", "avx512vl", "avx512dq", "avx512_vnni"),
    ),
    Isa(
        name="avx-vnni",
        lanes=8,
        dot="vpdpbusd",
        dot_intrinsic="llvm.x86.avx512.vpdpbusd.256",
        tile_rows=4,
        tile_blocks=2,
        float_rows=6,
        llvm_features=(*_AVX2_LLVM, "avxvnni"),
        value_vectors=1,
        cpu_flags=("avx2", "fma", "f16c", "avx_vnni"),
        score_sums=4,
        value_sums=6,
    ),
    Isa(
        name="avx2",
        lanes=8,
        dot="maddubs",
        dot_intrinsic="avx2",
        tile_rows=4,
        tile_blocks=2,
        float_sums="cache",
        float_rows=6,
        llvm_features=_AVX2_LLVM,
        value_vectors=1,
        cpu_flags=("avx2", "fma", "f16c"),
        score_sums=4,
        value_sums=6,
    ),
    Isa(
        name="baseline",
        lanes=4,
        dot="maddubs",
        dot_intrinsic="ssse3",
        tile_rows=4,
        tile_blocks=2,
        float_sums="cache",
        float_rows=4,
        llvm_features=("ssse3", "sse4.1"),
        cpu_flags=("ssse3", "sse4_1"),
    ),
)


_Flags = dict[str, tuple[str, ...]]


def _arm(name: str, dot: Dot, tile_rows: int, features: _Flags, *, f16_products: bool = False) -> Isa:
    """Return a NEON record; `features`: LLVM's names and Linux's, beside NEON itself."""
    return Isa(
        name=name,
        lanes=4,
        dot=dot,
        dot_intrinsic={"usmmla": "usdot", "sdot": "sdot", "smull": "smull"}[dot],
        tile_rows=tile_rows,
        tile_blocks=1,
        float_rows=6,
        llvm_features=("neon", *features),
        cpu_flags=("asimd", *(flag for flags in features.values() for flag in flags)),
        score_sums=4,
        value_sums=4,
        value_vectors=1,
        f16_products=f16_products,
    )


_DOTPROD: _Flags = {"dotprod": ("asimddp",)}
_I8MM: _Flags = {**_DOTPROD, "i8mm": ("i8mm",)}
_FHM: _Flags = {"fullfp16": ("fphp", "asimdhp"), "fp16fml": ("asimdfhm",)}  # LLVM's second implies its first

# 32 registers of 128 bits. usmmla: 10 + 10 accumulators, two weight vectors, activations, a mask. sdot: 8 + 8.
# smull: 5 + 10, as its sums come in halves. Floats: 6 sums of 16 are 24 registers, and 4 hold 16 weights.
ARM_ISAS: tuple[Isa, ...] = (
    _arm("neon-i8mm-fhm", "usmmla", 10, {**_I8MM, **_FHM}, f16_products=True),
    _arm("neon-i8mm", "usmmla", 10, _I8MM),
    _arm("neon-dotprod-fhm", "sdot", 8, {**_DOTPROD, **_FHM}, f16_products=True),
    _arm("neon-dotprod", "sdot", 8, _DOTPROD),
    _arm("neon", "smull", 5, {}),
)


@dataclass(frozen=True)
class Architecture:
    """An architecture's records, and the CPU that LLVM compiles for before any feature is added."""

    base_cpu: str
    isas: tuple[Isa, ...]
    smallest_cpu: str


ARCHITECTURES: dict[str, Architecture] = {
    "x86_64": Architecture("x86-64", X86_ISAS, "x86-64-v2"),
    "aarch64": Architecture("generic", ARM_ISAS, "generic"),
}


def architecture(mtriple: str) -> Architecture:
    """Return the architecture that a target triple begins with. CompileError: no kernels for it."""
    name = mtriple.split("-")[0]
    if name not in ARCHITECTURES:
        raise CompileError(
            f"[compile].mtriple {mtriple!r}: kernels for this architecture are not in this version",
            hint="set mtriple = 'x86_64-unknown-linux-gnu' or 'aarch64-unknown-linux-gnu'",
        )
    return ARCHITECTURES[name]


def best_isa(arch: Architecture, llvm_features: Collection[str], cpu: str) -> Isa:
    """Return the first record whose features all are among `llvm_features` (LLVM's names, no sign)."""
    for isa in arch.isas:
        if set(isa.llvm_features) <= set(llvm_features):
            return isa
    missing = sorted(set(arch.isas[-1].llvm_features) - set(llvm_features))
    raise CompileError(
        f"cpu '{cpu}' has no {', '.join(missing)}, which the smallest kernels need",
        hint=f"set [compile].cpu of the target to '{arch.smallest_cpu}' or newer",
    )


def isa_named(name: str) -> Isa:
    """Return the record called `name` (for tests and for reading manifests)."""
    return next(isa for arch in ARCHITECTURES.values() for isa in arch.isas if isa.name == name)
