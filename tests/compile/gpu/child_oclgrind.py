"""Run under oclgrind by test_uninitialised.py: a small network, or decode attention over pages that nobody wrote."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import tvm

from lab.compile.gpu.kernels.attention_decode import decode_attention
from lab.models.quant import SCHEMES
from tests.compile.gpu.families import STAGED, UNSTAGED
from tests.compile.gpu.network import GpuCompiled
from tests.compile.gpu.opencl import loaded
from tests.compile.network import Reference, config, random_weights, some_ids
from tests.opencl_device import opencl_device

SMALL = {"hidden_size": 64, "intermediate_size": 32, "num_attention_heads": 2, "num_key_value_heads": 1}


def network(family: str) -> None:
    """Prefill in two ragged chunks and decode into the next page; end with 1 where logits are wrong."""
    gpu = replace({"mali": UNSTAGED, "adreno": STAGED}[family], layout="mlc-kn-f32")
    cfg = config(**SMALL, num_hidden_layers=1, vocab_size=32)
    weights, ids = random_weights(cfg), some_ids(19, 32)
    compiled, want = GpuCompiled(cfg, SCHEMES["f32"], gpu, weights), Reference(cfg, weights).logits(ids)
    compiled.start(len(ids))
    steps = [compiled.feed(part) for part in (ids[:9], ids[9:14], *(ids[i : i + 1] for i in range(14, 19)))]
    sys.exit(int(not np.allclose(np.stack(steps), want[[8, 13, *range(14, 19)]], atol=1e-3)))


def unwritten() -> None:
    """Decode over a page as the driver gave it."""
    device = opencl_device()
    attend = decode_attention(UNSTAGED, 1, 1, 32, "float32", None).with_attr("global_symbol", "main")
    places = [tvm.runtime.tensor(np.array(x, np.int32), device) for x in ([0, 1], [0], [5], [0], [4])]
    q = tvm.runtime.tensor(np.ones((1, 1, 32), np.float32), device)
    pages, out, lse = (tvm.runtime.empty(shape, "float32", device) for shape in ((1, 2, 1, 16, 32), (1, 1, 32), (1, 1)))
    loaded(tvm.IRModule({"main": attend}), UNSTAGED)["main"](q, pages, *places, out, lse, 0, 1.0, 1e4, 0.2)
    device.sync()


if __name__ == "__main__":
    unwritten() if sys.argv[1] == "unwritten" else network(sys.argv[1])
