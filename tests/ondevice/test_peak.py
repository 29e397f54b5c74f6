"""`lab-bench peak`: what it says, and that no loop can say it without having done the work."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.core.proc import run
from lab.ondevice.build import FLAGS, SOURCES
from lab.ondevice.compilers import build_env, compilers
from lab.ondevice.events import Peak, decode_line
from tests.ondevice.conftest import Bench

# Prints every loop that this machine can run: kind, name, products that a round has, rounds, products made.
HARNESS = """
#include <cstdio>

#include "cpu.h"
#include "peak_loop.h"

void print(const char* kind, const std::vector<lab::PeakLoop>& loops) {
  for (const lab::PeakLoop& loop : loops) {
    for (int64_t rounds : {int64_t{1}, int64_t{1000}, lab::kMaxRounds}) {
      std::printf("%s;%s;%lld;%lld;%.0f\\n", kind, loop.name, static_cast<long long>(loop.a_round),
                  static_cast<long long>(rounds), loop.products(rounds));
    }
  }
}

int print_names(const std::vector<std::string>& features) {
  for (const lab::PeakLoop& loop : lab::int8_loops(features)) std::printf("int8;%s\\n", loop.name);
  for (const lab::PeakLoop& loop : lab::int4_loops(features)) std::printf("int4;%s\\n", loop.name);
  for (const lab::PeakLoop& loop : lab::f32_loops(features)) std::printf("f32;%s\\n", loop.name);
  return 0;
}

int main(int count, char** words) {
  std::vector<std::string> features = lab::read_cpu_facts().features;
  if (count > 1) return print_names({words + 1, words + count});
  print("int8", lab::int8_loops(features));
  print("int4", lab::int4_loops(features));
  print("f32", lab::f32_loops(features));
}
"""


@pytest.fixture(scope="module")
def harness(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("peak")
    source, binary = folder / "harness.cc", folder / "harness"
    source.write_text(HARNESS)
    compiler = compilers("x86_64-linux-gnu")[0]
    names = ("cpu.cc", "arm.cc", "peak_x86.cc", "peak_portable.cc")
    units = [str(source), *(str(SOURCES / name) for name in names)]
    with build_env(compiler) as env:
        run([*compiler.argv, *FLAGS, f"-I{SOURCES}", *units, "-o", str(binary)], timeout_s=300, env=env, check=True)
    return binary


@pytest.fixture(scope="module")
def lines(harness: Path) -> list[list[str]]:
    """What the harness prints: kind, name, products of a round, rounds, products made."""
    return [line.split(";") for line in run([str(harness)], timeout_s=60, check=True).stdout.splitlines()]


@pytest.fixture(scope="module")
def loops(lines: list[list[str]]) -> dict[str, dict[str, int]]:
    """The products of a round of each loop, by its name, by kind."""
    return {kind: {name: int(a_round) for of, name, a_round, *_ in lines if of == kind} for kind, *_ in lines}


# Products of a lane of 32 bits for each step: four bytes, or one number.
BYTES, NUMBERS = 4, 1
PER_LANE = {"avx512-vnni": BYTES, "avx-vnni": BYTES, "avx512bw": BYTES, "avx2": BYTES, "ssse3": BYTES}
NIBBLE_STEPS = 8


def products_of_a_round(kind: str, name: str) -> int:
    """What a round makes, from the name: `avx2 4x32 int16` is 4 accumulators of 32 bytes, 8 steps each."""
    isa, shape, *more = name.split()
    count, width = map(int, shape.split("x"))
    per_lane = NUMBERS if kind == "f32" else PER_LANE.get(isa, NUMBERS)
    return count * width // 4 * per_lane * (NIBBLE_STEPS if "int16" in more else 1)


def test_peak_reports_every_pass(bench: Bench) -> None:
    done = bench.call("peak", "--threads", "2", "--passes", "3")
    event = decode_line(done.stdout.strip(), 1)
    assert isinstance(event, Peak)
    assert event.threads == 2
    kinds = (event.int8_ops_per_s, event.int4_ops_per_s, event.f32_ops_per_s)
    assert [len(rates) for rates in kinds] == [3, 3, 3]
    assert min(min(rates) for rates in kinds) > 1e6


def test_the_fastest_loop_is_one_that_this_machine_has(bench: Bench, loops: dict[str, dict[str, int]]) -> None:
    event = decode_line(bench.call("peak", "--passes", "1").stdout.strip(), 1)
    assert isinstance(event, Peak)
    assert event.int8_loop in loops["int8"]
    assert event.int4_loop in loops["int4"]
    assert event.f32_loop in loops["f32"]


def test_the_loops_are_those_of_this_machines_instructions(loops: dict[str, dict[str, int]]) -> None:
    flags = set(Path("/proc/cpuinfo").read_text().split())
    int8 = {"avx512_vnni": "avx512-vnni", "avx512bw": "avx512bw", "avx_vnni": "avx-vnni", "avx2": "avx2"}
    f32 = {"avx512f": "avx512f", "fma": "avx2-fma", "sse2": "sse"}
    assert {name.split()[0] for name in loops["int8"]} == {
        *(name for flag, name in {**int8, "ssse3": "ssse3"}.items() if flag in flags),
        "portable",
    }
    assert {name.split()[0] for name in loops["f32"]} == {name for flag, name in f32.items() if flag in flags}
    sums = {name for name in loops["int4"] if "int16" in name}
    assert {name.split()[0] for name in sums} == {"avx512bw", "avx2", "ssse3"} & flags
    # 4-bit weights go through any of the instructions of bytes.
    assert set(loops["int8"]) - {"avx512bw 12x64"} <= set(loops["int4"]) - sums


@pytest.mark.parametrize(
    ("features", "int8", "int4"),
    [
        ("ssse3", {"ssse3"}, {"ssse3 int16", "ssse3"}),
        ("avx2 fma ssse3", {"avx2", "ssse3"}, {"avx2 int16", "ssse3 int16"}),
        ("avx2 avx_vnni fma ssse3", {"avx-vnni", "avx2", "ssse3"}, {"avx-vnni", "avx2 int16"}),
        ("avx2 avx512bw avx512f fma ssse3", {"avx512bw", "avx2", "ssse3"}, {"avx512bw int16", "avx2 int16"}),
        ("avx2 avx512_vnni avx512bw avx512f avx512vl fma ssse3", {"avx512-vnni", "avx512bw", "avx2"}, {"avx512-vnni"}),
    ],
)
def test_what_an_older_processor_tries(harness: Path, features: str, int8: set[str], int4: set[str]) -> None:
    """The first five of each kind are tried; a machine without VNNI must try its sums in 16 bits."""
    found = [
        line.split(";") for line in run([str(harness), *features.split()], timeout_s=60, check=True).stdout.split("\n")
    ]
    tried = {kind: [name.split() for of, name in found[:-1] if of == kind][:5] for kind in ("int8", "int4")}
    assert int8 <= {words[0] for words in tried["int8"]} <= {*int8, "portable"}
    assert int4 <= {" ".join([words[0], *words[2:3]]) for words in tried["int4"]} | {"portable"}


def test_every_loop_makes_every_product(lines: list[list[str]]) -> None:
    assert {kind for kind, *_ in lines} == {"int8", "int4", "f32"}
    for kind, name, a_round, rounds, made in lines:
        assert int(a_round) == products_of_a_round(kind, name), name
        assert int(made) == int(rounds) * int(a_round), name


@pytest.mark.parametrize("words", [["--threads", "-1"], ["--passes", "0"], ["--bytes", "3"]])
def test_bad_options_are_refused(bench: Bench, words: list[str]) -> None:
    assert bench.call("peak", *words).code == 2
