"""`lab-bench peak`: what it says, and that no loop can say it without having done the work."""

from __future__ import annotations

import re
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
      std::printf("%s %s %lld %lld %.0f\\n", kind, loop.name, static_cast<long long>(loop.a_round),
                  static_cast<long long>(rounds), loop.products(rounds));
    }
  }
}

int main() {
  std::vector<std::string> features = lab::read_cpu_facts().features;
  print("int8", lab::int8_loops(features));
  print("f32", lab::f32_loops(features));
}
"""
# Products of one instruction (for the older sets: of the few that take its place); a round has twelve.
PRODUCTS = {
    "int8 avx512-vnni": 64,
    "int8 avx-vnni": 32,
    "int8 avx2": 32,
    "int8 ssse3": 16,
    "int8 portable": 4,
    "f32 avx512f": 16,
    "f32 avx2-fma": 8,
    "f32 sse": 4,
    "f32 portable": 4,
}


def test_peak_reports_every_pass(bench: Bench) -> None:
    done = bench.call("peak", "--threads", "2", "--passes", "3")
    event = decode_line(done.stdout.strip(), 1)
    assert isinstance(event, Peak)
    assert (event.threads, len(event.int8_ops_per_s), len(event.f32_ops_per_s)) == (2, 3, 3)
    assert min(*event.int8_ops_per_s, *event.f32_ops_per_s) > 1e6


def test_the_best_loop_of_this_machine_is_taken(bench: Bench) -> None:
    event = decode_line(bench.call("peak", "--passes", "1").stdout.strip(), 1)
    assert isinstance(event, Peak)
    flags = f" {Path('/proc/cpuinfo').read_text()} ".replace("\n", " ")
    int8 = {"avx512_vnni": "avx512-vnni", "avx_vnni": "avx-vnni", "avx2": "avx2", "ssse3": "ssse3"}
    f32 = {"avx512f": "avx512f", "fma": "avx2-fma", "sse": "sse"}
    for loop, names in ((event.int8_loop, int8), (event.f32_loop, f32)):
        assert loop == next((name for flag, name in names.items() if f" {flag} " in flags), "portable")


def test_every_loop_makes_every_product(tmp_path: Path) -> None:
    source, binary = tmp_path / "harness.cc", tmp_path / "harness"
    source.write_text(HARNESS)
    compiler = compilers("x86_64-linux-gnu")[0]
    units = [str(source), *(str(SOURCES / name) for name in ("cpu.cc", "arm.cc", "peak_loop.cc"))]
    with build_env(compiler) as env:
        run([*compiler.argv, *FLAGS, f"-I{SOURCES}", *units, "-o", str(binary)], timeout_s=300, env=env, check=True)
    lines = [line.split() for line in run([str(binary)], timeout_s=60, check=True).stdout.splitlines()]
    assert {kind for kind, *_ in lines} == {"int8", "f32"}
    for kind, name, a_round, rounds, made in lines:
        assert int(a_round) == 12 * PRODUCTS[f"{kind} {name}"]
        assert int(made) == int(rounds) * int(a_round), name


# Of each instruction that the loops are named after, how often it must be there: one for each accumulator.
MULTIPLICATIONS = {
    "x86_64": {"vfmadd": 24, "mulps": 12, "vpdpbusd": 24, "vpmaddubsw": 12, "pmaddubsw": 12},
    "aarch64": {"fmla": 24, "sdot": 24, "smmla": 24, "smull": 24, "smlal2": 24, "sadalp": 24},
}


@pytest.mark.parametrize("arch", MULTIPLICATIONS)
def test_no_compiler_replaces_a_multiplication(arch: str, tmp_path: Path) -> None:
    """A sum of ones comes out right without any, so the sum can't tell."""
    for compiler in compilers(f"{arch}-linux-gnu"):
        out = tmp_path / "peak.s"
        argv = [*compiler.argv, *FLAGS, f"-I{SOURCES}", "-S", str(SOURCES / "peak_loop.cc"), "-o", str(out)]
        with build_env(compiler) as env:
            run(argv, timeout_s=300, env=env, check=True)
        for name, count in MULTIPLICATIONS[arch].items():
            found = re.findall(rf"^\s+(?:\{{vex\}}\s+)?{name}", out.read_text(), re.MULTILINE)
            assert len(found) >= count, (compiler.name, name)


@pytest.mark.parametrize("words", [["--threads", "-1"], ["--passes", "0"], ["--bytes", "3"]])
def test_bad_options_are_refused(bench: Bench, words: list[str]) -> None:
    assert bench.call("peak", *words).code == 2
