"""The whole cache on OpenCL, driven as the runtime drives it, against full causal attention in numpy."""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import tvm
from tvm.relax.frontend import nn
from tvm.relax.frontend.nn.llm.kv_cache import PagedKVCache

from lab.compile.gpu.ops import create_gpu_kv_cache
from lab.compile.pipeline import pipeline
from lab.models.decoder.reference import attention, rotary
from lab.models.phi3.config import Phi3Config
from tests.compile.building import rel_error
from tests.compile.gpu.families import CPU_LIKE, STAGED, UNSTAGED
from tests.compile.gpu.opencl import launches, loaded
from tests.opencl_device import opencl_device

SMALL = Phi3Config(
    hidden_size=128,
    intermediate_size=32,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    vocab_size=32,
    max_position_embeddings=256,
    original_max_position_embeddings=64,
)
HALF = SMALL.head_dim // 2
LONG = replace(
    SMALL,
    rope_short_factor=tuple(1 + 0.01 * i for i in range(HALF)),
    rope_long_factor=tuple(2 + 0.1 * i for i in range(HALF)),
)
WINDOW = replace(SMALL, sliding_window=37)
LONG_WINDOW = replace(LONG, sliding_window=50)
EVEN = replace(SMALL, num_key_value_heads=4)  # a key head for each query head
CASES = [
    *((CPU_LIKE, config) for config in (SMALL, WINDOW, LONG, EVEN)),
    (UNSTAGED, LONG_WINDOW),
    (STAGED, LONG_WINDOW),
]
LAYERS = SMALL.num_hidden_layers


class Attention(nn.Module):
    """Layers of nothing but attention, each on a qkv of its own."""

    def __init__(self, gpu, config, dtype="float32"):
        self.gpu, self.config, self.dtype = gpu, config, dtype

    def attend(self, layer0: nn.Tensor, layer1: nn.Tensor, paged_kv_cache: PagedKVCache):
        heads, scale = self.config.num_attention_heads, self.config.head_dim**-0.5
        return [
            paged_kv_cache.attention_with_fused_qkv(layer, qkv, heads, scale)
            for layer, qkv in enumerate((layer0, layer1))
        ]

    def create(self, *limits: Any):
        return create_gpu_kv_cache(self.gpu, self.config, self.dtype, limits)

    def create_tir_paged_kv_cache(self, batch: int, tokens: int, chunk: int, page: int, window: int):
        return self.create(batch, tokens, chunk, page, window)


def exported(gpu, config, dtype="float32"):
    fused = config.num_attention_heads + 2 * config.num_key_value_heads
    qkv = nn.spec.Tensor([1, "n", fused, config.head_dim], dtype)
    plain = {"param_mode": "none", "effect_mode": "none"}
    spec = {
        "attend": {
            "layer0": qkv,
            "layer1": qkv,
            "paged_kv_cache": nn.spec.Object(object_type=PagedKVCache),
            "$": plain,
        },
        "create_tir_paged_kv_cache": {**dict.fromkeys(("batch", "tokens", "chunk", "page", "window"), int), "$": plain},
    }
    network = Attention(gpu, config, dtype)
    return network.export_tvm(nn.spec.ModuleSpec.from_raw(spec, network))[0]


@functools.cache
def machine(gpu, config):
    library = loaded(exported(gpu, config), gpu, relax_pipeline=pipeline(None))
    return tvm.relax.VirtualMachine(library, opencl_device())


class Driven:
    """One sequence through the cache, in steps of some tokens."""

    def __init__(self, gpu, config, length, chunk):
        self.vm, shape = machine(gpu, config), tvm.runtime.ShapeTuple
        self.cache = self.vm["create_tir_paged_kv_cache"](*(shape([limit]) for limit in (1, length, chunk, 16, 0)))
        call("kv_state_add_sequence")(self.cache, 0)

    def step(self, qkv):
        """qkv: [layers, n, fused, D]; return the attention of each layer, [layers, n, heads, D]."""
        shape = tvm.runtime.ShapeTuple
        call("kv_state_begin_forward")(self.cache, shape([0]), shape([qkv.shape[1]]))
        tensors = [tvm.runtime.tensor(layer[None], opencl_device()) for layer in qkv]
        seen = [out.numpy()[0] for out in self.vm["attend"](*tensors, self.cache)]
        call("kv_state_end_forward")(self.cache)
        return np.stack(seen)


def call(name):
    return tvm.get_global_func(f"vm.builtin.{name}")


def expected(config, qkv):
    cos, sin = rotary(config, len(qkv))
    return attention(config, qkv.reshape(len(qkv), -1), cos, sin, 0).reshape(len(qkv), config.num_attention_heads, -1)


def random_qkv(config, length):
    fused = config.num_attention_heads + 2 * config.num_key_value_heads
    return np.random.default_rng(7).standard_normal((LAYERS, length, fused, config.head_dim)).astype(np.float32)


@pytest.mark.slow
@pytest.mark.parametrize(("gpu", "config"), CASES, ids=["plain", "window", "longrope", "even", "unstaged", "staged"])
@pytest.mark.parametrize("length", [59, 90])
def test_chunks_and_steps_are_full_causal_attention(gpu, config, length):
    qkv = random_qkv(config, length)
    driven, got, at = Driven(gpu, config, length, 40), [], 0
    for count in (33, 7, *[1] * 3, 11, *[1] * (length - 54)):
        got.append(driven.step(qkv[:, at : at + count]))
        at += count
    for layer, seen in enumerate(np.concatenate(got, axis=1)):
        assert rel_error(seen, expected(config, qkv[layer])) < 1e-5


def test_a_decode_step_is_three_launches_a_layer():
    driven, qkv = Driven(CPU_LIKE, SMALL, 60, 40), random_qkv(SMALL, 40)
    driven.step(qkv)
    driven.step(qkv[:, :1])
    before = launches()
    driven.step(qkv[:, :1])
    assert launches() - before == 3 * LAYERS


def test_keys_and_values_read_back_after_the_rotation():
    qkv = random_qkv(SMALL, 21)
    driven = Driven(CPU_LIKE, SMALL, 60, 40)
    driven.step(qkv)
    k, v = (
        tvm.runtime.empty((LAYERS, 21, SMALL.num_key_value_heads, SMALL.head_dim), "float32", opencl_device())
        for _ in range(2)
    )
    call("attention_kv_cache_debug_get_kv")(driven.cache, 0, 0, 21, k, v)
    np.testing.assert_array_equal(v.numpy(), qkv[:, :, -SMALL.num_key_value_heads :])
    np.testing.assert_allclose(np.linalg.norm(k.numpy()), np.linalg.norm(qkv[:, :, 4:6]), rtol=1e-5)
