"""The code that LLVM makes of the kernels for arm64's records."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest

from lab.compile.cpu.isa import ARM_ISAS, Isa, isa_named
from lab.compile.cpu.kernels.attention_prefill import paged_attention, ragged_attention
from lab.compile.cpu.kernels.linear_float import float_linear
from tests.compile.assembly import assembly, attention, group_loop, products

BY_ISA = pytest.mark.parametrize("isa", ARM_ISAS, ids=[isa.name for isa in ARM_ISAS])
BY_BITS = pytest.mark.parametrize("bits", [4, 8])

# What a record's code may hold only with the feature that brings it.
BROUGHT = {
    "dotprod": r"[su]dot\t",
    "i8mm": r"(?:usdot|sudot|\w*mmla)\t",
    "fp16fml": r"fml[as]l2?\t",
    "fullfp16": r"f(?!cvt)\w+\t(?:v\d+\.[48]h|h\d+)\b",  # arithmetic on float16; conversions are NEON's own
}
NEVER = re.compile(r"\b[zp]\d+\.[bhsd]\b|%[xyz]mm|\bbfmmla|\bbfdot")  # SVE, x86, bfloat16
STACK = re.compile(r"\[sp\b|\[x29\b")


def count(code: list[str], pattern: str) -> int:
    return sum(re.match(pattern, line) is not None for line in code)


def spills(loop: list[str]) -> list[str]:
    return [line for line in loop if STACK.search(line)]


def everything(isa: Isa) -> list[str]:
    rows = (1, isa.tile_rows)
    return [line for r in rows for bits in (4, 8) for line in products(isa, r, bits)] + attention(isa)


def first_of(isa: Isa, rows: int) -> str:
    return {"usmmla": "usdot" if rows == 1 else "usmmla", "sdot": "sdot", "smull": "smull"}[isa.dot]


def dots_of_group(isa: Isa, rows: int) -> int:
    """Return how many instructions a group of 32 takes: decode of 16 rows, prefill of 4 by the tile's rows."""
    values = 32 * (16 if rows == 1 else 4 * rows)
    return values // {"usdot": 16, "usmmla": 32, "sdot": 16, "smull": 8}[first_of(isa, rows)]


@BY_ISA
@BY_BITS
def test_all_dots_of_a_group_are_in_one_loop_without_a_call(isa: Isa, bits: int) -> None:
    for rows in (1, isa.tile_rows):
        loop = group_loop(products(isa, rows, bits), first_of(isa, rows))
        pattern = r"sm(?:ull|lal)2?\t" if isa.dot == "smull" else first_of(isa, rows)
        assert count(loop, pattern) == dots_of_group(isa, rows)
        assert count(loop, r"bl\t|blr\t") == 0


@BY_ISA
@BY_BITS
def test_accumulators_of_products_stay_in_registers(isa: Isa, bits: int) -> None:
    for rows in (1, isa.tile_rows):
        assert spills(group_loop(products(isa, rows, bits), first_of(isa, rows))) == []


@BY_ISA
def test_activations_are_taken_by_lane(isa: Isa) -> None:
    """A load of 16 bytes serves 4 steps; only smull has no such form and takes a dup."""
    if isa.dot != "smull":
        loop = group_loop(products(isa, 1), first_of(isa, 1))
        assert count(loop, r"[us]+dot\t.*\.4b\[[0-3]\]$") == dots_of_group(isa, 1)


def float_loops(isa: Isa) -> list[list[str]]:
    code = assembly(float_linear(isa, "float16", 256, 64, isa.float_rows, residual=True, out_dtype="float32"), isa)
    loops = [group_loop(code, "fmla\t")]
    for maker in (ragged_attention, paged_attention):
        loops += multiply_loops(assembly(maker(isa, 8, 8, 96, "float16", None), isa))
    return loops + multiply_loops(attention(isa))


def multiply_loops(code: list[str]) -> list[list[str]]:
    """Return the innermost loops that are mostly multiply-adds: scores and values."""
    labels = [i for i, line in enumerate(code) if line.endswith(":")] + [len(code)]
    loops = [up_to_the_jump_back(code[a:b]) for a, b in pairwise(labels)]
    return [loop for loop in loops if count(loop, r"fml(?:a|al2?)\t") >= 12 and count(loop, r"frinti\t") == 0]


def up_to_the_jump_back(block: list[str]) -> list[str]:
    """Return a block's instructions up to the jump to its own label; none where it is no loop."""
    ends = [i for i, line in enumerate(block) if re.match(r"b\.|cb", line) and line.endswith(block[0][:-1])]
    return block[: ends[0] + 1] if ends else []


@BY_ISA
def test_sums_of_floats_stay_in_registers(isa: Isa) -> None:
    loops = float_loops(isa)
    assert len(loops) >= 7  # a product; scores and values of ragged, paged and decode attention
    assert [spills(loop) for loop in loops if spills(loop)] == []


@BY_ISA
def test_nothing_beyond_the_record(isa: Isa) -> None:
    code = everything(isa)
    for feature, pattern in BROUGHT.items():
        if feature not in isa.llvm_features:
            assert [line for line in code if re.match(pattern, line)] == []
    assert [line for line in code if NEVER.search(line)] == []


@BY_ISA
def test_float16_is_multiplied_as_it_lies_where_the_cpu_can(isa: Isa) -> None:
    loops = multiply_loops(attention(isa))
    assert loops
    for loop in loops:
        assert (count(loop, r"fmlal2?\t") > 0) == isa.f16_products
        assert (count(loop, r"fcvtl2?\t") > 0) != isa.f16_products


@pytest.mark.parametrize(
    ("tried", "other"),
    [("neon-i8mm-fhm", "neon-i8mm"), ("neon-dotprod", "neon-dotprod-fhm")],
)
def test_records_that_are_not_emulated_have_the_products_of_one_that_is(tried: str, other: str) -> None:
    first, second = isa_named(tried), isa_named(other)
    for rows in (1, first.tile_rows):
        for bits in (4, 8):
            assert products(first, rows, bits) == products(second, rows, bits)


@pytest.mark.parametrize(
    ("tried", "other"),
    [("neon-i8mm-fhm", "neon-dotprod-fhm"), ("neon", "neon-dotprod"), ("neon", "neon-i8mm")],
)
def test_records_that_are_not_emulated_have_the_attention_of_one_that_is(tried: str, other: str) -> None:
    first, second = isa_named(tried), isa_named(other)
    assert attention(first) == attention(second)
    for maker in (ragged_attention, paged_attention):
        codes = [assembly(maker(isa, 8, 2, 96, "float16", 21), isa) for isa in (first, second)]
        assert codes[0] == codes[1]
