"""Our OpenCL kernels against MLC-LLM's recipe for the same network on the same device, alternating in one process.

    python -m benchmarks.gpu_kernels [--layers 2] [--prompt 128] [--repeats 5] [--by-rows]

Prefill of a prompt, then decode steps behind it, of Phi-3-mini at q4 with random weights. The other side is
benchmarks/mlc_like.py: not MLC-LLM itself, but what its pipeline applies, in the same TVM; with --by-rows its weights
lie as in q4f16_1, else as in q4f16_0, the layout that ours has too. The plug-in is built as for the tests.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import tvm
from tvm import relax

from benchmarks.mlc_like import MLC_PHASES, MlcLikeOps, keep_rows
from lab.compile.gpu import GPUS, Gpu
from lab.compile.gpu.ops import GpuOps
from lab.compile.link import linker
from lab.compile.mlc.backend import VARIABLE
from lab.compile.pipeline import GPU_PHASES, pipeline
from lab.compile.tvm_backend import gpu_target
from lab.models.decoder.network import CausalLM
from lab.models.families import family_of, presets
from lab.models.family import changed
from lab.models.quant import SCHEMES
from tests.compile.gpu.opencl import launches
from tests.opencl_device import opencl_device

MTRIPLE = "x86_64-unknown-linux-gnu"


class Side:
    """One compiled network with its weights on the device."""

    def __init__(self, name: str, network: CausalLM, gpu: Gpu, phases: Any) -> None:
        self.name, self.device = name, opencl_device()
        module, parameters = network.export_tvm(network.spec())
        target = gpu_target(gpu, MTRIPLE)
        with tvm.transform.PassContext(opt_level=3), target, tempfile.TemporaryDirectory() as folder:
            built = tvm.compile(module, target=target, relax_pipeline=pipeline(None, phases))
            built.export_library(f"{folder}/model.so", fcompile=linker(MTRIPLE))
            self.vm = relax.VirtualMachine(tvm.runtime.load_module(f"{folder}/model.so"), self.device)
        self.weights = [tvm.runtime.tensor(random_weight(p), self.device) for _, p in parameters]

    def start(self, tokens: int) -> None:
        """Open an empty cache for so many tokens."""
        sizes = [tvm.runtime.ShapeTuple([n]) for n in (1, tokens, 512, 16, 0)]
        self.cache = self.vm["create_tir_paged_kv_cache"](*sizes)
        tvm.get_global_func("vm.builtin.kv_state_add_sequence")(self.cache, 0)

    def feed_s(self, count: int) -> float:
        """Return the seconds that `count` tokens take, embedding to logits."""
        ids = tvm.runtime.tensor((np.arange(count) * 7919 % 32000).astype(np.int32), self.device)
        shapes = (tvm.runtime.ShapeTuple([0]), tvm.runtime.ShapeTuple([count]))
        self.device.sync()
        start = time.perf_counter()
        tvm.get_global_func("vm.builtin.kv_state_begin_forward")(self.cache, *shapes)
        x = self.vm["embed"](ids, self.weights)
        x = tvm.get_global_func("vm.builtin.reshape")(x, tvm.runtime.ShapeTuple([1, *x.shape]))
        self.logits = self.vm["decode" if count == 1 else "prefill"](x, self.cache, self.weights)[0]
        tvm.get_global_func("vm.builtin.kv_state_end_forward")(self.cache)
        self.device.sync()
        return time.perf_counter() - start


def random_weight(parameter: Any) -> np.ndarray:
    """Return values that keep activations finite."""
    rng, shape = np.random.default_rng(len(parameter.shape)), tuple(int(n) for n in parameter.shape)
    if parameter.dtype == "uint32":
        return rng.integers(0, 2**32, shape, dtype=np.uint32) & np.uint32(0x77777777)
    scale = 1.0 if len(shape) == 1 else 0.003
    return (scale * rng.uniform(0.5, 1.5, shape)).astype(parameter.dtype)


def sides(layers: int, by_rows: bool) -> list[Side]:
    """Return ours and the other, of `layers` layers of Phi-3-mini."""
    gpu, scheme = GPUS["any-f32"], SCHEMES["q4"]
    config = changed(presets()["phi3-mini"].config, num_hidden_layers=layers)
    network = family_of(config).network
    other = network(config, scheme, MlcLikeOps(gpu, by_rows=by_rows))
    if by_rows:
        keep_rows(other)
    ours = network(config, scheme, GpuOps(gpu, scheme))
    return [Side("lab", ours, gpu, GPU_PHASES), Side("mlc-like", other, gpu, MLC_PHASES)]


def alternate(both: list[Side], repeats: int, one: Callable[[Side], float]) -> list[list[float]]:
    """Return the seconds of each side, measured by turns; the first round is not counted."""
    rounds = [[one(side) for side in both] for _ in range(repeats + 1)][1:]
    return [list(times) for times in zip(*rounds, strict=True)]


def report(what: str, tokens: int, both: list[Side], times: list[list[float]]) -> None:
    """Print the medians and how many times faster ours is."""
    medians = [statistics.median(seconds) for seconds in times]
    rates = ", ".join(f"{side.name} {tokens / median:.1f} tokens/s" for side, median in zip(both, medians, strict=True))
    print(f"{what}: {rates}; ratio {medians[1] / medians[0]:.2f} (more than 1: ours is faster)", flush=True)


def prefill_s(side: Side, prompt: int) -> float:
    """Return the seconds of a prompt in a fresh cache."""
    side.start(prompt + 64)
    return side.feed_s(prompt)


def decode_s(side: Side, steps: int) -> float:
    """Return the seconds of `steps` decode steps behind what the cache holds."""
    return sum(side.feed_s(1) for _ in range(steps))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--prompt", type=int, default=128)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--by-rows", action="store_true")
    args = parser.parse_args()
    both = sides(args.layers, args.by_rows)
    report("prefill", args.prompt, both, alternate(both, args.repeats, lambda side: prefill_s(side, args.prompt)))
    report("decode", 8, both, alternate(both, args.repeats, lambda side: decode_s(side, 8)))
    for side in both:
        before = launches()
        side.feed_s(1)
        print(f"{side.name}: {launches() - before} launches a token with {args.layers} layers")
    if not args.by_rows:
        got, want = (side.logits.numpy() for side in both)
        print(f"relative difference of the logits: {np.linalg.norm(got - want) / np.linalg.norm(want):.2g}")
    if VARIABLE in os.environ:
        print(f"{VARIABLE} is set: that MLC-LLM is measured by `lab run --engine mlc`, on a processor; not here")


if __name__ == "__main__":
    main()
