"""The code that LLVM makes of the kernels, for every ISA record, whether this machine can run it or not."""

from __future__ import annotations

import re

import pytest

from lab.compile.cpu.isa import X86_ISAS, Isa, isa_named
from lab.compile.cpu.kernels.encode import copied, encoded
from lab.compile.cpu.kernels.encoding import encoding_for
from tests.compile.assembly import (
    asks_for_memory,
    assembly,
    attention,
    group_loop,
    inner_loops,
    kernels,
    products,
    row_products,
)
from tests.compile.building import EMULATED

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


def everything(isa: Isa) -> list[str]:
    rows = [line for bits in (4, 8) for line in row_products(isa, bits)]
    return [*products(isa, 1), *products(isa, isa.tile_rows), *rows, *attention(isa)]


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


TILED = [isa for isa in X86_ISAS if isa.float_sums == "cache"]


@pytest.mark.parametrize("isa", TILED, ids=lambda isa: isa.name)
def test_a_tile_adds_in_order_and_spills_little(isa: Isa) -> None:
    """LLVM would first multiply all and then add up a tree of what it had to spill.

    What is read from the stack are weights, which the loop over tiles doesn't change: 8 for each vector.
    """
    loop = group_loop(products(isa, isa.tile_rows), DOT[isa.dot])
    written = [line for line in loop if re.search(r",\s*-?\d*\(%rsp\)$", line)]
    assert len(written) <= (4 if isa.dot == "maddubs" else 16)
    if isa.dot == "maddubs":
        adds = [line for line in loop if re.match(r"v?paddw\t", line)]
        assert len(adds) == 7 * isa.tile_rows * isa.tile_blocks
        assert len([line for line in loop if re.match(r"v?pmaddwd\t", line)]) == isa.tile_rows * isa.tile_blocks


@pytest.mark.parametrize("isa", TILED, ids=lambda isa: isa.name)
def test_a_tile_asks_for_memory_outside_of_its_loops(isa: Isa) -> None:
    code = products(isa, isa.tile_rows)
    assert any(map(asks_for_memory, code))
    assert not any(line.startswith("call") for line in group_loop(code, DOT[isa.dot]))


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


# The dots of a group of 32 weights, 16 rows and two terms, and how many multiplications widen sums of 16 bits.
@pytest.mark.parametrize(
    ("name", "bits", "dot", "dots", "widenings"),
    [
        ("avx2", 4, "vpmaddubsw", 32, 4),
        ("avx2", 8, "vpmaddwd", 32, 32),
        ("avx-vnni", 4, "vpdpbusd", 32, 0),
        ("avx-vnni", 8, "vpdpbusd", 32, 0),
    ],
)
def test_a_group_of_one_row_stays_in_16_registers(name: str, bits: int, dot: str, dots: int, widenings: int) -> None:
    loop = group_loop(row_products(isa_named(name), bits), dot)
    assert sum(dot in line for line in loop) == dots
    assert sum("vpmaddwd" in line for line in loop) == widenings
    assert sum("vcvtph2ps" in line for line in loop) == 2  # both terms share the weights' scales
    assert [line for line in loop if "(%rsp" in line or line.startswith("call")] == []


@BY_ISA
def test_the_greatest_of_a_group_is_found_in_four_steps(isa: Isa) -> None:
    """Of floats it would be one after the other, since one may be not-a-number."""
    kernel = encoded(encoding_for(isa, 4, one_row=True, terms=2), 256, 256, copied, "float32")
    code = assembly(kernel, isa)
    assert any(re.match("v?pmaxsd", line) for line in code)
    assert [line for line in code if re.match("v?maxss", line)] == []


@pytest.mark.parametrize("name", ["avx2", "avx-vnni"])
@pytest.mark.parametrize(("num_kv_heads", "head_dim"), [(8, 96), (8, 128), (2, 128)])
def test_sums_of_attention_stay_in_16_registers(name: str, num_kv_heads: int, head_dim: int) -> None:
    loops = inner_loops(attention(isa_named(name), num_kv_heads, head_dim))
    reading = [loop for loop in loops if all(any(op in line for line in loop) for op in ("vcvtph2ps", "vfmadd"))]
    assert len(reading) >= 2  # keys and values
    for loop in reading:
        assert any("prefetch" in line for line in loop)
        assert [line for line in loop if "(%rsp" in line or line.startswith("call")] == []


@pytest.mark.parametrize("isa", [*X86_ISAS, *EMULATED], ids=lambda isa: isa.name)
def test_no_memory_is_asked_of_the_runtime(isa: Isa) -> None:
    asking = {name for name, kernel in kernels(isa).items() if any(map(asks_for_memory, assembly(kernel, isa)))}
    assert asking == set()
    # The check sees what it looks for: attention has working arrays.
    assert any(map(asks_for_memory, attention(isa)))
