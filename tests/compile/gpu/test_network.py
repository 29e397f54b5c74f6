"""The whole network on an OpenCL device against transformers' Phi3ForCausalLM, and what a decode step costs."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from lab.compile.gpu import GPUS
from lab.compile.gpu.count import decode_cost
from lab.compile.tvm_backend import build_executable, export_model, kernel_sources
from lab.models.catalog import custom
from lab.models.params import decode_weight_bytes, rel_error_max
from lab.models.phi3.presets import PRESETS
from lab.models.quant import SCHEMES
from tests.compile.building import rel_error
from tests.compile.gpu.families import CPU_LIKE, STAGED, UNSTAGED
from tests.compile.gpu.network import MTRIPLE, GpuCompiled, stored
from tests.compile.gpu.opencl import launches
from tests.compile.network import Reference, config, random_weights, some_ids

pytestmark = pytest.mark.slow

HALF = 16
NETWORKS = {
    "mha": config(),
    "gqa-odd-vocabulary": config(num_key_value_heads=1, vocab_size=331),
    "tied-window": config(tie_word_embeddings=True, sliding_window=37),
    "longrope": config(
        original_max_position_embeddings=64,
        rope_short_factor=tuple(1.0 + 0.01 * i for i in range(HALF)),
        rope_long_factor=tuple(1.5 + 0.3 * i for i in range(HALF)),
    ),
}
CASES = [
    *((name, "q4", CPU_LIKE) for name in NETWORKS),
    ("mha", "f32", CPU_LIKE),
    ("tied-window", "f32", CPU_LIKE),
    ("gqa-odd-vocabulary", "q4", UNSTAGED),
    ("gqa-odd-vocabulary", "q4", STAGED),
]
BY_CASE = pytest.mark.parametrize(
    ("name", "scheme_name", "gpu"), CASES, ids=lambda value: getattr(value, "name", value)
)


@functools.cache
def pair(name, scheme_name, gpu):
    cfg, scheme = NETWORKS[name], SCHEMES[scheme_name]
    weights = random_weights(cfg)
    layout = GPUS["any-f32"].layout
    return GpuCompiled(cfg, scheme, f32_twin(gpu), weights), Reference(cfg, stored(weights, scheme, layout))


def f32_twin(gpu):
    return gpu if gpu.layout == GPUS["any-f32"].layout else type(gpu)(**(vars(gpu) | {"layout": "mlc-kn-f32"}))


@BY_CASE
def test_prefill_and_decode(name, scheme_name, gpu):
    compiled, reference = pair(name, scheme_name, gpu)
    ids = some_ids(90, NETWORKS[name].vocab_size)
    want, most = reference.logits(ids), rel_error_max(SCHEMES[scheme_name], 2, "mlc-kn-f32")
    compiled.start(len(ids))
    assert rel_error(compiled.feed(ids[:67]), want[66]) < most
    assert rel_error(compiled.feed(ids[67:80]), want[79]) < most
    steps = [compiled.feed(ids[i : i + 1]) for i in range(80, 90)]
    assert rel_error(np.stack(steps), want[80:]) < most


def test_launches_are_as_many_as_counted():
    compiled, _ = pair("mha", "q4", CPU_LIKE)
    ids = some_ids(9, 320)
    compiled.start(12)
    compiled.feed(ids)
    compiled.feed(ids[:1])
    before = launches()
    compiled.feed(ids[:1])
    module = export_model(custom(NETWORKS["mha"], SCHEMES["q4"], "tiny"), CPU_LIKE)
    assert launches() - before == decode_cost(module)["launches"] == 2 + 7 * 2


@pytest.mark.parametrize("gpu", [gpu.name for gpu in GPUS.values()])
def test_a_token_of_phi3_mini_takes_less_than_250_launches_and_its_weights_once(gpu):
    spec = custom(PRESETS["phi3-mini"].config, SCHEMES["q4"], "mini")
    cost = decode_cost(export_model(spec, GPUS[gpu]))
    weights = decode_weight_bytes(spec.config, spec.scheme, GPUS[gpu].layout)
    assert cost["launches"] == 226
    assert weights < cost["bytes"] < 1.005 * weights + 32 * 32 * 4096


def sources(name, scheme="q4", mtriple=MTRIPLE):
    gpu = GPUS[name]
    module = export_model(custom(config(), SCHEMES[scheme], "tiny"), gpu)
    return kernel_sources(build_executable(module, mtriple, gpu))


def test_kernels_without_float16_never_name_half():
    assert "half" not in sources("any-f32")["opencl"]


def test_kernels_with_float16_say_so():
    source = sources("mali", "f16", "aarch64-linux-android")["opencl"]
    assert "#pragma OPENCL EXTENSION cl_khr_fp16 : enable" in source


def test_metal_has_no_vector_of_more_than_four():
    source = sources("apple", "q4", "arm64-apple-macos")["metal"]
    assert "kernel void" in source
    assert not [wide for wide in ("float8", "float16(", "half8", "uint8", "int16") if wide in source]
