"""Which tile is fastest on this machine: products of Phi-3-mini's shapes in every form that the kernels can take.

    python -m benchmarks.tiles [--isa avx2] [--bits 4] [--rows 512] [--rounds 5] [--json]

First prefill: rows of activations times vectors of weights, with float sums in registers or in the cache (and there of
how many tiles), in turns on one thread; then decode: how far ahead of its use a weight is asked for, on `--threads`
threads, from memory. "*" marks what `lab.compile.cpu.isa` has. Records that this machine lacks are left out. A minute
or two each.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import tvm
from rich.console import Console
from rich.table import Table

from benchmarks.arguments import add_json, positive
from lab.compile.cpu.isa import X86_ISAS, Isa
from lab.compile.cpu.kernels.encoding import encoding_for
from lab.compile.cpu.kernels.linear import AHEAD_BYTES, quantised_linear
from lab.compile.cpu.kernels.linear_row import row_linear
from lab.compile.cpu.kernels.linear_tile import TILES, tiled_linear
from lab.models.layouts.n16k4 import q_shape, scale_shape
from tests.compile.building import NATIVE, build

K, N = 3072, 1536  # a slice of a layer: 2.4 MB at 4 bits
DECODE_N = 32064  # the head: 55 MB at 4 bits, more than caches hold
IN_REGISTERS = ((3, 1), (4, 1), (5, 1), (6, 1), (3, 2), (4, 2), (6, 2), (8, 2))
IN_CACHE = ((4, 1), (4, 2), (4, 3), (5, 2), (6, 2))
KEPT = (4, 8, 32)
AHEAD = (0, 2048, 4096, 8192, 12288, 16384)


@dataclass
class Candidate:
    """One form of a product, its arguments and the rates of its rounds, in GOP/s or GB/s."""

    form: str
    ours: bool
    function: Any
    arguments: list[Any]
    amount: float
    rates: list[float]

    def run(self) -> None:
        """Take one more round."""
        start = time.perf_counter()
        self.function(*self.arguments)
        self.rates.append(self.amount / (time.perf_counter() - start) / 1e9)


def prefill(isa: Isa, bits: int, rows: int) -> Iterator[Candidate]:
    """Yield a product of [rows, K] and [N, K] in every form."""
    for tile_rows, blocks in IN_REGISTERS:
        yield _tile(replace(isa, tile_rows=tile_rows, tile_blocks=blocks, float_sums="registers"), isa, bits, rows)
    if isa.lanes == 16:  # the other form's expressions are those of 16 registers
        return
    for tile_rows, blocks in IN_CACHE:
        yield _tile(replace(isa, tile_rows=tile_rows, tile_blocks=blocks, float_sums="cache"), isa, bits, rows)
    for kept in KEPT:
        yield _tile(isa, isa, bits, rows, kept)


def _tile(form: Isa, isa: Isa, bits: int, rows: int, kept: int = TILES) -> Candidate:
    encoding = encoding_for(form, bits, one_row=False)
    if form.float_sums == "cache":
        made = tiled_linear(form, bits, K, N, residual=False, out_dtype="float32", kept=kept)
        where = f"in the cache, {kept} tiles"
    else:
        encoding = replace(encoding, terms=1, join="no")
        made = quantised_linear(form, bits, K, N, form.tile_rows, residual=False, out_dtype="float32")
        where = "in registers"
    arguments = [*_activations(encoding, rows), *_weights(bits, N), np.zeros((rows, N), "float32")]
    name = f"{form.tile_rows} x {form.tile_blocks}, sums {where}"
    return Candidate(name, form == isa and kept == TILES, *_ready(made, form, arguments), 2.0 * rows * K * N, [])


def decode(isa: Isa, bits: int) -> Iterator[Candidate]:
    """Yield a product of one row and [DECODE_N, K], asking for weights at every distance."""
    encoding = encoding_for(isa, bits, one_row=True, terms=2)
    weights = _weights(bits, DECODE_N)
    for ahead in AHEAD:
        made = row_linear(isa, bits, K, DECODE_N, residual=False, out_dtype="float32", ahead_bytes=ahead)
        arguments = [*_activations(encoding, 1), *weights, np.zeros((1, DECODE_N), "float32")]
        read = float(sum(weight.nbytes for weight in weights))
        yield Candidate(f"{ahead} bytes ahead", ahead == AHEAD_BYTES, *_ready(made, isa, arguments), read, [])


def _activations(encoding: Any, rows: int) -> list[Any]:
    tiles = -(-rows // encoding.tile_rows)
    random = np.random.default_rng(0)
    return [
        random.integers(-(2**31), 2**31, shape).astype(dtype) if dtype == "int32" else np.ones(shape, dtype)
        for shape, dtype in encoding.shapes(tiles, K)
    ]


def _weights(bits: int, rows: int) -> list[Any]:
    random = np.random.default_rng(1)
    return [random.integers(0, 256, q_shape(rows, K, bits)).astype("uint8"), np.ones(scale_shape(rows, K), "float16")]


def _ready(made: Any, isa: Isa, arguments: list[Any]) -> tuple[Any, list[Any]]:
    """Return the compiled kernel and its arguments, after one call."""
    function, tensors = build(made, isa)["main"], [tvm.runtime.tensor(one) for one in arguments]
    function(*tensors)
    return function, tensors


def in_turns(candidates: Sequence[Candidate], rounds: int) -> None:
    """Measure all of them, one after the other, so many times."""
    for _ in range(rounds):
        for candidate in candidates:
            candidate.run()


def _rows(candidates: Sequence[Candidate]) -> list[dict[str, Any]]:
    return [
        {"form": one.form, "ours": one.ours, "median": statistics.median(one.rates), "fastest": max(one.rates)}
        for one in candidates
    ]


def _table(title: str, unit: str, rows: Sequence[dict[str, Any]]) -> Table:
    table = Table("form", f"median {unit}", f"fastest {unit}", title=title, title_justify="left")
    for row in rows:
        mark = " *" if row["ours"] else ""
        table.add_row(row["form"] + mark, f"{row['median']:.1f}", f"{row['fastest']:.1f}")
    return table


def sweeps(isa: Isa, bits: int, rows: int) -> Iterator[tuple[str, str, list[Candidate]]]:
    """Yield title, unit and candidates of both parts."""
    yield f"{isa.name}, {bits} bits, prefill of {rows}", "GOP/s", list(prefill(isa, bits, rows))
    yield f"{isa.name}, {bits} bits, decode", "GB/s", list(decode(isa, bits))


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; 0 when done."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tiles", description=__doc__.splitlines()[0])
    parser.add_argument("--isa", choices=[isa.name for isa in X86_ISAS], action="append", help="default: all it has")
    parser.add_argument("--bits", type=int, choices=(4, 8), action="append", help="default: both")
    parser.add_argument("--rows", type=positive, default=512, help="of activations; default: 512")
    parser.add_argument("--rounds", type=positive, default=5, help="default: 5")
    parser.add_argument("--threads", type=positive, default=1, help="for both parts; default: 1")
    add_json(parser)
    options = parser.parse_args(argv)
    os.environ["TVM_NUM_THREADS"] = str(options.threads)  # read when the first kernel starts the pool
    results: dict[str, Any] = {}
    for isa in (one for one in NATIVE if not options.isa or one.name in options.isa):
        for bits in options.bits or (4, 8):
            for title, unit, candidates in sweeps(isa, bits, options.rows):
                in_turns(candidates, options.rounds)
                results[title] = {"unit": unit, "rows": _rows(candidates)}
                if not options.json:
                    Console().print(_table(f"{title}, threads: {options.threads}", unit, results[title]["rows"]))
    if options.json:
        print(json.dumps({"threads": options.threads, "results": results}, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
