"""Head sizes that are no multiple of 32 on OpenCL, and those that a family has no room for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lab.compile.build import build_library
from lab.compile.chip import check_sizes
from lab.compile.gpu import GPUS
from lab.compile.gpu.kernels.attention_decode import decode_attention
from lab.compile.gpu.kernels.attention_merge import merge_states
from lab.compile.gpu.kernels.attention_prefill import paged_attention, ragged_attention
from lab.compile.gpu.kernels.rope import split_rotary
from lab.compile.tir.sizes import PAGE
from lab.core.errors import CompileError
from lab.core.progress import NullProgress
from lab.formats.target import load_target
from lab.models.catalog import custom
from lab.models.quant import SCHEMES
from tests.compile.building import rel_error
from tests.compile.gpu.families import CPU_LIKE, FAMILIES, STAGED
from tests.compile.gpu.network import GpuCompiled
from tests.compile.gpu.opencl import kernel
from tests.compile.gpu.test_attention import paged
from tests.compile.network import Reference, config, random_weights, some_ids
from tests.compile.test_attention import SCALE, ints, problem, softmax_attention

pytestmark = pytest.mark.slow

HEADS, KV_HEADS, HISTORY, NEW = 4, 2, 33, 13
SIZES = [*((gpu, 80) for gpu in FAMILIES), (CPU_LIKE, 20), (STAGED, 2)]
BY_SIZE = pytest.mark.parametrize(("gpu", "dim"), SIZES, ids=lambda value: getattr(value, "name", value))
# Gemma's one key head for eight of 256, and Qwen2's seven for one.
GEOMETRIES = [*((gpu, HEADS, KV_HEADS, dim) for gpu, dim in SIZES), *((gpu, 8, 1, 256) for gpu in FAMILIES)]
GEOMETRIES += [(CPU_LIKE, 7, 1, 64)]


@pytest.mark.parametrize(
    ("gpu", "heads", "kv_heads", "dim"), GEOMETRIES, ids=lambda value: getattr(value, "name", value)
)
def test_kernels(gpu, heads, kv_heads, dim):
    q, k, v = problem(heads, kv_heads, dim, HISTORY + NEW, "float32")
    positions = np.arange(HISTORY + NEW, dtype=np.int32)
    pages, table = paged(k[:HISTORY], v[:HISTORY], gpu)
    last_len = ints((HISTORY - 1) % PAGE + 1)
    among = (ints(0, NEW), k[HISTORY:], v[HISTORY:], ints(0, NEW), positions[HISTORY:], ints(HISTORY))
    before = (ints(0, NEW), pages, ints(0, len(table)), table, last_len, ints(0), positions[HISTORY:])
    parts = []
    for maker, args in ((ragged_attention, among), (paged_attention, before)):
        out, lse = np.zeros_like(q[HISTORY:]), np.zeros((NEW, heads), np.float32)
        call = kernel(maker, gpu, heads, kv_heads, dim, "float32", None)
        parts += call(q[HISTORY:], *args, out, lse, 0, 0, 1.0, 1e4, SCALE)[-2:]
    merged = kernel(merge_states, gpu, dim, "float32")(*parts)
    assert rel_error(merged[0], softmax_attention(q[HISTORY:], k, v, positions[HISTORY:], positions, None)[0]) < 1e-5
    call = kernel(decode_attention, gpu, heads, kv_heads, dim, "float32", None)
    place = (ints(0, len(table)), table, last_len, ints(0), ints(HISTORY - 1))
    got = call(q[:1], pages, *place, np.zeros_like(q[:1]), np.zeros((1, heads), np.float32), 0, 1.0, 1e4, SCALE)[-2]
    want, _ = softmax_attention(q[:1], k[:HISTORY], v[:HISTORY], ints(HISTORY - 1), positions[:HISTORY], None)
    assert rel_error(got, want) < 1e-5


@BY_SIZE
def test_rotary(gpu, dim):
    qkv = problem(HEADS + 2 * KV_HEADS, 1, dim, 3, "float32")[0]
    positions, half = np.array([5, 0, 9], np.int32), dim // 2
    table = np.random.default_rng(3).standard_normal((10, dim)).astype(np.float32)
    out = [np.full((3, h, dim), np.nan, np.float32) for h in (HEADS, KV_HEADS, KV_HEADS)]
    q, k, v = kernel(split_rotary, gpu, HEADS, KV_HEADS, dim, "float32")(qkv, positions, *out, table)[2:5]
    cos, sin, first, second = (x[..., part] for x in (table[positions][:, None], qkv) for part in _halves(half))
    want = np.concatenate([first * cos - second * sin, second * cos + first * sin], axis=-1)
    np.testing.assert_allclose(np.concatenate([q, k], axis=1), want[:, : HEADS + KV_HEADS], atol=1e-5)
    np.testing.assert_array_equal(v, qkv[:, HEADS + KV_HEADS :])


def _halves(half):
    return slice(0, half), slice(half, 2 * half)


def test_network():
    cfg = config(hidden_size=320, num_key_value_heads=2, num_hidden_layers=1)
    weights = random_weights(cfg)
    compiled, reference = GpuCompiled(cfg, SCHEMES["f32"], CPU_LIKE, weights), Reference(cfg, weights)
    ids = some_ids(40, cfg.vocab_size)
    compiled.start(len(ids))
    steps = [compiled.feed(ids[:33]), *(compiled.feed(ids[i : i + 1]) for i in range(33, 40))]
    assert rel_error(np.stack(steps), reference.logits(ids)[32:]) < 1e-3


def wide(dim):
    return config(hidden_size=16 * dim, num_attention_heads=16, num_key_value_heads=16)


@pytest.mark.parametrize(
    ("name", "dim", "most"), [("any-f32", 258, 256), ("mali", 514, 512), ("adreno", 698, 640)], ids=str
)
def test_a_head_size_without_room_is_refused_with_those_that_fit(name, dim, most):
    with pytest.raises(CompileError, match=f"head size {dim}: kernel .* needs") as told:
        check_sizes(GPUS[name], wide(dim))
    assert f"multiples of 32 up to {most} fit" in told.value.hint
    check_sizes(GPUS[name], wide(most))


def test_it_is_refused_before_anything_is_made(tmp_path):
    target = load_target("local")
    compile_for = replace(target.compile, kind="opencl", gpu="any-f32", mtriple="x86_64-unknown-linux-gnu")
    spec = custom(wide(258), SCHEMES["f32"], "wide-f32")
    with pytest.raises(CompileError, match="head size 258"):
        build_library(spec, replace(target, compile=compile_for), tmp_path, NullProgress())
    assert list(tmp_path.iterdir()) == []
