"""The machine code of the loops that roofs are measured with: nothing is kept in memory, and the right things are done.

For each compiler that may build the runner, and every instruction set, also those that this machine lacks.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from lab.ondevice.build import SOURCES
from lab.ondevice.compilers import compilers
from tests.ondevice.machine_code import Instruction, assembly, functions, loops

X86, ARM = "x86_64-linux-gnu", "aarch64-linux-gnu"
LINE_BYTES = 64
READS = {X86: {"avx512": (64, 4), "avx2": (32, 4), "baseline": (16, 4)}, ARM: {"baseline": (16, 8)}}
VARIANTS = {"half": 1, "half_ahead": 1, "all": 2, "all_ahead": 2, "two": 2, "two_ahead": 2}

# Instructions of a step of one accumulator; of nibbles: of eight steps and what widens their sums.
PEAKS = {
    X86: {
        "vnni": {"vpdpbusd": 1},
        "avxvnni": {"vpdpbusd": 1},
        "avx512bw": {"vpmaddubsw": 1, "vpmaddwd": 1, "vpaddd": 1},
        "avx2": {"vpmaddubsw": 1, "vpmaddwd": 1, "vpaddd": 1},
        "ssse3": {"pmaddubsw": 1, "pmaddwd": 1, "paddd": 1},
        "fma": {"vfmadd231ps": 1},
        "sse": {"mulps": 1, "addps": 1},
        "nibble": {"vpmaddubsw": 8, "vpaddw": 7, "vpmaddwd": 1, "vpaddd": 1},
        "nibble_4x16": {"pmaddubsw": 8, "paddw": 7, "pmaddwd": 1, "paddd": 1},
    },
    ARM: {
        "smmla": {"smmla": 1},
        "sdot": {"sdot": 1},
        "smlal": {"smull": 1, "smlal2": 1, "sadalp": 1},
        "fmla": {"fmla": 1},
        "nibble": {"smull": 1, "smlal": 7, "smlal2": 8, "sadalp": 1},
    },
}
PEAK_SOURCES = {X86: "peak_x86.cc", ARM: "peak_arm.cc"}
# What a loop needs besides: counting rounds, and copies between registers where an instruction overwrites its factor.
COUNTING = re.compile(r"(add|sub|cmp|inc|dec)[a-z]?$|j[a-z]+$|b\.\w+$|cbn?z$|subs$")
COPIES = {"movdqa", "movaps"}
OVERWRITE = {"pmaddubsw", "mulps"}

SPILLS = """
#include <cstddef>
#include <cstdint>
namespace lab {
namespace {
typedef uint64_t Part __attribute__((vector_size(16)));
__attribute__((noinline)) Part spills(const Part* at, const Part* end) {
  START
  for (; at != end; at += 40) { ADD }
  Part all = {};
  SUM
  return all;
}
}
Part use(const Part* at, const Part* end) { return spills(at, end); }
}
"""


def hot(lines: list[str], marks: set[str]) -> list[Instruction]:
    """The one loop of a function that has these instructions, of those that end before they return."""
    inner = [(body, {one.name for one in body}) for body in loops(lines)]
    (found,) = [body for body, names in inner if marks <= names and not names & {"ret", "retq"}]
    return found


def compiled(abi: str, source: Path, folder: Path) -> Iterator[tuple[str, Mapping[str, list[str]]]]:
    """Yield each compiler's name and the functions that it makes of a source."""
    for compiler in compilers(abi):
        yield compiler.name, functions(assembly(compiler, source, folder / "loops.s"))


@pytest.mark.parametrize("abi", [X86, ARM])
def test_read_loops_only_read(abi: str, tmp_path: Path) -> None:
    """Loads of the whole width, an addition for each register, prefetches of every line, and nothing on the stack."""
    names = [(isa, variant) for isa in READS[abi] for variant in VARIANTS]
    for compiler, found in compiled(abi, SOURCES / "read_loop.cc", tmp_path):
        for isa, variant in names:
            add = {X86: "paddq" if isa == "baseline" else "vpaddq", ARM: "add"}[abi]
            only_reads(hot(found[f"{isa}_{variant}"], {add}), abi, isa, variant, add, (compiler, isa, variant))


def only_reads(body: list[Instruction], abi: str, isa: str, variant: str, add: str, where: object) -> None:
    width, accumulators = READS[abi][isa]
    assert not [one for one in body if one.touches_stack], where
    # arm64 loads pairs of registers.
    assert {one.loaded_bytes() for one in body} - {0} <= ({width} if abi == X86 else {width, 2 * width}), where
    loaded = sum(one.loaded_bytes() for one in body)
    assert loaded > 0, where
    assert loaded % (width * accumulators * VARIANTS[variant]) == 0, where  # compilers may unroll
    adds = [one for one in body if one.name == add and re.search(r"mm\d|\.2d", one.operands)]
    assert len(adds) == loaded // width, where
    prefetches = [one for one in body if one.name.startswith(("prefetch", "prfm"))]
    assert len(prefetches) == (loaded // LINE_BYTES if variant.endswith("ahead") else 0), where


@pytest.mark.parametrize("abi", [X86, ARM])
def test_peak_loops_only_multiply_and_add(abi: str, tmp_path: Path) -> None:
    """Exactly the instructions of a step for each accumulator, and no memory: neither spilled nor hoisted."""
    for compiler, found in compiled(abi, SOURCES / PEAK_SOURCES[abi], tmp_path):
        peaks = {name: int(match[1]) for name in found if (match := re.search(r"_(\d+)x\d+", name))}
        assert {name.partition("_")[0] for name in peaks} == {name.partition("_")[0] for name in PEAKS[abi]}
        for name, accumulators in peaks.items():
            step = PEAKS[abi].get(name) or PEAKS[abi][name.partition("_")[0]]
            only_multiplies(hot(found[name], set(step)), step, accumulators, (compiler, name))


def only_multiplies(body: list[Instruction], step: Mapping[str, int], accumulators: int, where: object) -> None:
    assert not [one for one in body if one.touches_stack or one.reads_memory], where
    counted = Counter(one.name for one in body if not COUNTING.match(one.name))
    copies = sum(counted.pop(one, 0) for one in COPIES)
    assert counted == {name: count * accumulators for name, count in step.items()}, where
    assert copies <= sum(count for name, count in step.items() if name in OVERWRITE) * accumulators, where


@pytest.mark.parametrize("abi", [X86, ARM])
def test_portable_loops_keep_nothing_in_memory(abi: str, tmp_path: Path) -> None:
    marks = {X86: {"int8_portable": {"pmuludq"}, "f32_portable": {"mulps"}}, ARM: {"int8_portable": {"mla"}}}[abi]
    for compiler, found in compiled(abi, SOURCES / "peak_portable.cc", tmp_path):
        for name, mark in marks.items():
            bad = [one for one in hot(found[name], mark) if one.touches_stack or one.reads_memory]
            assert not bad, (compiler, name)


@pytest.mark.parametrize("abi", [X86, ARM])
def test_a_loop_that_spills_is_noticed(abi: str, tmp_path: Path) -> None:
    """Planted: more accumulators than there are registers."""
    source = tmp_path / "spills.cc"
    source.write_text(SPILLS.replace("START", each("Part aI = {};")).replace("ADD", each("aI += at[I];")))
    source.write_text(source.read_text().replace("SUM", each("all ^= aI + aI;")))
    for _, found in compiled(abi, source, tmp_path):
        body = hot(found["spills"], {"paddq"} if abi == X86 else {"add"})
        assert [one for one in body if one.touches_stack]


def each(line: str) -> str:
    return " ".join(line.replace("I", str(number)) for number in range(40))
