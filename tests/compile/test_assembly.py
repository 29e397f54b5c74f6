"""The code that LLVM makes of the kernels, for every ISA record, whether this machine can run it or not."""

from __future__ import annotations

import functools
import re
from typing import Any

import pytest

from lab.compile.isa import X86_ISAS, Isa
from lab.compile.kernels.attention_decode import decode_attention
from lab.compile.kernels.encode import Encoding, copied, encoded, gated, normalised
from lab.compile.kernels.linear import quantised_linear
from lab.compile.kernels.linear_float import float_linear
from lab.compile.kernels.rope import rope_table, split_rotary
from tests.compile.building import build

BY_ISA = pytest.mark.parametrize("isa", X86_ISAS, ids=[isa.name for isa in X86_ISAS])

REGISTER = {16: "zmm", 8: "ymm", 4: "xmm"}  # by int32 lanes
DOT = {"vpdpbusd": "vpdpbusd", "maddubs": "pmaddubsw"}
# What only AVX-512's encoding has: masks, broadcasts from memory, rounding, registers from 16 on, names that say how
# wide an element is.
EVEX = re.compile(
    r"%k[0-7]|\{1to\d+\}|\{r[nduz]-sae\}|%[xyz]mm(?:1[6-9]|2\d|3[01])\b|%zmm"
    r"|\bvmovdq[au](?:8|16|32|64)\b|\bvp(?:and|andn|or|xor)[dq]\b|\bvpternlog|\bvperm[it]2"
    r"|\bv(?:extract|insert|broadcast)[if]\d+x"
    r"|(?<!\{vex\}\t)\bvpdpbusd"
)


def linear(isa: Isa, rows: int, bits: int = 4) -> Any:
    return quantised_linear(isa, bits, 256, 64, rows, residual=False, out_dtype="float32")


def assembly(kernel: Any, isa: Isa) -> list[str]:
    """Return the instructions and labels; directives and comments are left out."""
    lines = [line.split("#")[0].strip() for line in build(kernel, isa).mod.inspect_source("asm").splitlines()]
    return [line for line in lines if line and (line.endswith(":") or not line.startswith("."))]


@functools.cache
def products(isa: Isa, rows: int) -> list[str]:
    return assembly(linear(isa, rows), isa)


@functools.cache
def attention(isa: Isa) -> list[str]:
    return assembly(decode_attention(8, 8, 96, "float16", None), isa)


def everything(isa: Isa) -> list[str]:
    return [*products(isa, 1), *products(isa, isa.tile_rows), *attention(isa)]


def group_loop(code: list[str], dot: str) -> list[str]:
    """The innermost loop around the dot instructions: from the label before the first to the jump back to it."""
    first = next(i for i, line in enumerate(code) if dot in line)
    begin = max(i for i in range(first) if code[i].endswith(":"))
    end = next(i for i in range(begin, len(code)) if re.fullmatch(rf"j\w+\t{re.escape(code[begin][:-1])}", code[i]))
    return code[begin : end + 1]


@BY_ISA
def test_products_use_the_dot_instruction_at_its_width(isa: Isa) -> None:
    other = DOT["maddubs" if isa.dot == "vpdpbusd" else "vpdpbusd"]
    for rows in (1, isa.tile_rows):
        dots = [line for line in products(isa, rows) if DOT[isa.dot] in line]
        assert dots
        assert [line for line in dots if f"%{REGISTER[isa.lanes]}" not in line] == []
        assert [line for line in products(isa, rows) if other in line] == []


@BY_ISA
def test_all_dots_of_a_group_are_in_one_loop(isa: Isa) -> None:
    for rows, vectors in ((1, 16 // isa.lanes), (isa.tile_rows, isa.tile_blocks)):
        loop = group_loop(products(isa, rows), DOT[isa.dot])
        assert sum(DOT[isa.dot] in line for line in loop) == 8 * rows * vectors
        # Without F16C, a scale is widened by a function.
        assert "f16c" not in isa.llvm_features or not any(line.startswith("call") for line in loop)


@BY_ISA
def test_attention_uses_the_width_too(isa: Isa) -> None:
    assert any(re.match(r"v?(mulps|fmadd\d+ps)\t", line) and REGISTER[isa.lanes] in line for line in attention(isa))


@BY_ISA
def test_nothing_beyond_the_record(isa: Isa) -> None:
    wider = [register for lanes, register in REGISTER.items() if lanes > isa.lanes]
    assert [line for line in everything(isa) if any(f"%{register}" in line for register in wider)] == []
    if "avx512f" not in isa.llvm_features:
        assert [line for line in everything(isa) if EVEX.search(line)] == []
    if "avx2" not in isa.llvm_features:  # only SSE: AVX's names begin with v
        assert [line for line in everything(isa) if line.startswith(("v", "{vex}")) and not line.endswith(":")] == []


@pytest.mark.parametrize("rows", [1, X86_ISAS[0].tile_rows])
def test_accumulators_stay_in_registers(rows: int) -> None:
    """32 registers are enough for AVX-512's tile; with 16 or fewer some of a tile goes to the stack."""
    loop = group_loop(products(X86_ISAS[0], rows), "vpdpbusd")
    assert [line for line in loop if "(%rsp" in line] == []


def kernels(isa: Isa) -> dict[str, Any]:
    """Every kernel that has no working array and so must ask the runtime for no memory."""
    made = {"rope-table": rope_table(96, 4096, 1.0), "split": split_rotary(8, 8, 96, "float16")}
    for rows in (1, isa.tile_rows):
        for bits in (4, 8):
            made[f"linear-{rows}-{bits}"] = linear(isa, rows, bits)
        made[f"linear-float-{rows}"] = float_linear(isa, "float16", 256, 64, rows, residual=True, out_dtype="float32")
        for encoding in (Encoding(rows, "int8", 8), Encoding(rows, "float")):
            name = f"{rows}-{encoding.kind}"
            made[f"normalised-{name}"] = normalised(encoding, 256, 1e-5)
            made[f"copied-{name}"] = encoded(encoding, 256, 256, copied, "float16")
            made[f"gated-{name}"] = encoded(encoding, 256, 512, gated(256), "float32")
    return made


@BY_ISA
def test_no_memory_is_asked_of_the_runtime(isa: Isa) -> None:
    asking = {
        name
        for name, kernel in kernels(isa).items()
        if any("__TVMBackendAllocWorkspace" in line and not line.endswith(":") for line in assembly(kernel, isa))
    }
    assert asking == set()
    # The check sees what it looks for: attention has working arrays.
    assert any("__TVMBackendAllocWorkspace" in line and not line.endswith(":") for line in attention(isa))
