"""Run under oclgrind by test_uninitialised.py: a small network, or decode attention over pages that nobody wrote."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import tvm

from lab.compile.gpu.kernels.attention_decode import decode_attention
from lab.models.families import FAMILIES
from lab.models.quant import SCHEMES
from tests.compile.gpu.families import STAGED, UNSTAGED
from tests.compile.gpu.network import GpuCompiled
from tests.compile.gpu.opencl import loaded
from tests.compile.network import some_ids
from tests.models import trait_family as traits
from tests.opencl_device import opencl_device

SMALL = {"hidden_size": 64, "intermediate_size": 32, "num_attention_heads": 2, "num_key_value_heads": 1}
SMALL |= {"num_hidden_layers": 1, "vocab_size": 32}
PLAIN, TRAITS = traits.config(**SMALL), replace(traits.PHI3_SMALL, **SMALL, partial_rotary_factor=0.5)
FAMILIES[traits.NAME] = traits.ROW


def network(family: str) -> None:
    """Prefill in two ragged chunks and decode into the next page; end with 1 where logits are wrong."""
    gpu = replace({"mali": UNSTAGED, "adreno": STAGED}[family], layout="mlc-kn-f32")
    cfg = {"mali": PLAIN, "adreno": TRAITS}[family]
    weights, ids = traits.weights_of(cfg), some_ids(19, 32)
    compiled = GpuCompiled(cfg, SCHEMES["f32"], gpu, weights)
    compiled.start(len(ids))
    for first, end in ((0, 9), (9, 14), *((i, i + 1) for i in range(14, 19))):
        got, want = compiled.feed(ids[first:end]), traits.wanted(cfg, weights, ids[:end])
        if not np.allclose(got, want, atol=1e-3):
            sys.exit(1)


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
