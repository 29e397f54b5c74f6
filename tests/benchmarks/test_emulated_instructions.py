"""Counting under qemu, held against the assembly."""

from __future__ import annotations

import pytest

from benchmarks import emulated_instructions as benchmark
from benchmarks.emulated_instructions import Count, count, count_all, render
from benchmarks.emulated_instructions import _parser as parser
from benchmarks.emulated_kernels import product
from lab.compile.cpu.isa import Isa
from tests.compile.assembly import assembly, group_loop
from tests.compile.building import EMULATED

DOT = {"usmmla": "usdot", "sdot": "sdot", "smull": "smull"}


@pytest.mark.parametrize("isa", EMULATED, ids=[isa.name for isa in EMULATED])
def test_a_group_more_takes_one_turn_of_the_loop_more(isa: Isa) -> None:
    """512 values along K are 8 groups more than 256, in each of 4 blocks of rows."""
    short, long = (product(isa, "product", 4, k, 64, 1) for k in (256, 512))
    loop = [line for line in group_loop(assembly(short.kernel, isa), DOT[isa.dot]) if not line.endswith(":")]
    more = count(isa, long, "long").instructions - count(isa, short, "short").instructions
    assert abs(more - 8 * 4 * len(loop)) <= 4 * 4  # the addresses of each block take a few more or less


def test_every_record_and_their_sums_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    options = parser().parse_args(["--model", "phi3-mini-q4", "--depth", "16"])
    monkeypatch.setattr(benchmark, "count", lambda isa, call, _name: Count(isa.name, call.name, 1000, 8, call.calls))
    counts = count_all(options.model, options.depth)
    shown = render(counts, options)
    assert [isa.name for isa in EMULATED] == list(dict.fromkeys(one.isa for one in counts))
    assert all(isa.name in shown for isa in EMULATED)
    assert shown.count("a token") == len(EMULATED)
    assert "0.290" in shown  # 4 products, 4 encodings and attention of 32 layers, the last norm and the head
