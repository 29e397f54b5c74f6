"""Attention kernels on an OpenCL device: this package's against TVM's own for the same target, side by side.

For example: `python -m benchmarks.gpu_attention --plugin liblab_opencl.so`. Shapes are Phi-3-mini's, 32 heads of 96.
Calls of the two take turns; a time is the median of all calls of one, queue drained, in milliseconds. Both are
given the same keys and values, and their results are compared.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import tvm
from tvm.relax.frontend.nn.llm._decode_kernels import _attention_decode
from tvm.relax.frontend.nn.llm._prefill_kernels import _attention_prefill, _attention_prefill_ragged

from benchmarks.arguments import add_json, positive
from lab.compile.gpu import GPUS, Gpu
from lab.compile.gpu.kernels.attention_decode import decode_attention
from lab.compile.gpu.kernels.attention_prefill import paged_attention, ragged_attention
from lab.compile.tir.sizes import PAGE
from lab.compile.tvm_backend import gpu_target

HEADS, DIM = 32, 96
MTRIPLE = f"{platform.machine()}-unknown-linux-gnu"
SCALE, CLOSE = DIM**-0.5, 1e-3
ROTARY = (0, 1.0, 1e4, SCALE)  # none: queries and keys come rotated
Array = np.ndarray[Any, np.dtype[Any]]
Kernel = Callable[..., Any]


@dataclass(frozen=True)
class Case:
    """One call of the cache: the kernel of each side, with its arguments; outputs are the last two arrays."""

    name: str
    ours: Any
    theirs: Any
    arguments: list[Any]
    their_arguments: list[Any]


def main() -> None:
    """Measure each case and print a row."""
    options = _options()
    ctypes.CDLL(options.plugin, ctypes.RTLD_GLOBAL)
    facts = json.loads(tvm.get_global_func("lab.opencl.open")("{}"))
    rows = [measured(case, GPUS[options.gpu], options.rounds) for case in cases(options)]
    if options.json:
        print(json.dumps({"device": facts["device"], "rows": rows}))
        return
    print(f"{facts['device']}; {GPUS[options.gpu].storage}, {options.rounds} rounds, medians")
    print(f"{'':28} {'ours':>9} {'TVM':>9} {'ratio':>7}")
    for row in rows:
        print(
            f"{row['case']:28} {row['ours_ms']:6.2f} ms {row['tvm_ms']:6.2f} ms {row['tvm_ms'] / row['ours_ms']:6.1f}x"
        )


def cases(options: argparse.Namespace) -> Iterator[Case]:
    """Yield decode at each depth, a first chunk, and a chunk over a history as long."""
    gpu, target = GPUS[options.gpu], gpu_target(GPUS[options.gpu], MTRIPLE)
    sizes = (gpu, HEADS, HEADS, DIM, gpu.storage, None)
    theirs: tuple[Any, ...] = (HEADS, HEADS, DIM, gpu.storage, False, {}, target)
    for depth in options.depth:
        args = [paged_arguments(gpu, 1, depth, depth - 1, transposed) for transposed in (True, False)]
        both = [[q, *places, *ROTARY] for q, places in args]
        yield Case(f"decode at {depth}", decode_attention(*sizes), _attention_decode(*theirs), *both)
    n = options.chunk
    q, k, v = (random(gpu, n, seed) for seed in range(3))
    positions = np.arange(n, dtype=np.int32)
    among = [q, ints(0, n), k, v, ints(0, n), positions, ints(0), *outputs(gpu, n), 1, *ROTARY]
    ragged = _attention_prefill_ragged(HEADS, HEADS, DIM, DIM, gpu.storage, {}, target)
    yield Case(f"prefill of {n}", ragged_attention(*sizes), ragged, among, among)
    args = [paged_arguments(gpu, n, n, n, transposed) for transposed in (True, False)]
    both = [[q, ints(0, n), *places, 0, *ROTARY] for q, places in args]
    yield Case(f"prefill of {n} after {n}", paged_attention(*sizes), _attention_prefill(*theirs), *both)


def paged_arguments(gpu: Gpu, n: int, depth: int, position: int, transposed: bool) -> tuple[Array, list[Array]]:
    """Return n queries from `position` on, and pages to outputs; keys transposed as ours are, or not."""
    used = -(-depth // PAGE)
    k, v = (random(gpu, used * PAGE, seed).reshape(used, PAGE, HEADS, DIM) for seed in (1, 2))
    pages = np.empty((used, 2, HEADS, PAGE * DIM), gpu.storage)
    pages[:, 0] = k.transpose(0, 2, 3, 1).reshape(used, HEADS, -1) if transposed else _rows(k)
    pages[:, 1] = _rows(v)
    q_positions = np.arange(position, position + n, dtype=np.int32)
    table, last = np.arange(used, dtype=np.int32), ints((depth - 1) % PAGE + 1)
    places = [pages.reshape(used, 2, HEADS, PAGE, DIM), ints(0, used), table, last, ints(0), q_positions]
    return random(gpu, n, 0), [*places, *outputs(gpu, n)]


def measured(case: Case, gpu: Gpu, rounds: int) -> dict[str, Any]:
    """Return the medians of both; RuntimeError when their results differ."""
    device = tvm.device("opencl", 0)
    calls, results = [], []
    for kernel, arguments in ((case.ours, case.arguments), (case.theirs, case.their_arguments)):
        placed = [tvm.runtime.tensor(a, device) if isinstance(a, np.ndarray) else a for a in arguments]
        calls.append((_loaded(kernel, gpu), placed))
        calls[-1][0](*placed)
        results.append([a.numpy() for a in placed if hasattr(a, "numpy")][-2])
    if np.abs(results[0] - results[1]).max() > CLOSE:
        raise RuntimeError(f"{case.name}: results differ by {np.abs(results[0] - results[1]).max():g}")
    times: list[list[float]] = [[], []]
    for _ in range(rounds):
        for taken, (function, placed) in zip(times, calls, strict=True):
            taken.append(_timed_ms(function, placed, device))
    ours, theirs = (statistics.median(taken) for taken in times)
    return {"case": case.name, "ours_ms": ours, "tvm_ms": theirs}


def random(gpu: Gpu, n: int, seed: int) -> Array:
    """Return normal numbers [n, heads, D]."""
    return np.random.default_rng(seed).standard_normal((n, HEADS, DIM)).astype(gpu.storage)


def outputs(gpu: Gpu, n: int) -> list[Array]:
    """Return where n results and their sums go."""
    return [np.zeros((n, HEADS, DIM), gpu.storage), np.zeros((n, HEADS), np.float32)]


def ints(*values: int) -> Array:
    """Return int32 values."""
    return np.array(values, np.int32)


def _rows(x: Array) -> Array:
    return x.transpose(0, 2, 1, 3).reshape(len(x), HEADS, -1)


def _timed_ms(function: Kernel, arguments: list[Any], device: Any) -> float:
    start = time.perf_counter()
    function(*arguments)
    device.sync()
    return (time.perf_counter() - start) * 1e3


def _loaded(kernel: Any, gpu: Gpu) -> Kernel:
    with tempfile.TemporaryDirectory() as folder:
        module = tvm.IRModule({"main": kernel.with_attr("global_symbol", "main")})
        tvm.compile(module, target=gpu_target(gpu, MTRIPLE)).export_library(f"{folder}/kernel.so")
        function: Kernel = tvm.runtime.load_module(f"{folder}/kernel.so")["main"]
        return function


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--plugin", required=True, help="the OpenCL plug-in, liblab_opencl.so")
    parser.add_argument("--gpu", default="any-f32", choices=[g.name for g in GPUS.values() if g.kind == "opencl"])
    parser.add_argument("--depth", type=positive, nargs="+", default=[128, 2048], help="tokens before the one decoded")
    parser.add_argument("--chunk", type=positive, default=512, help="tokens of a prefill")
    parser.add_argument("--rounds", type=positive, default=15)
    add_json(parser)
    return parser.parse_args()


if __name__ == "__main__":
    main()
