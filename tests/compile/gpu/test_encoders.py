"""What image encoders and norms between products need of a GPU, on OpenCL, against numpy; and TinyGPT-V as a whole."""

from __future__ import annotations

import math

import numpy as np
import pytest
import tvm

from lab.compile.gpu import GPUS
from lab.compile.gpu.kernels.encoder import active_rows, full_attention, normed_heads
from lab.compile.gpu.kernels.norm import NormOf, rms_norm
from lab.compile.gpu.kernels.tile_sizes import tile_for
from lab.compile.gpu.tile import tiles
from lab.models.activation import Activation
from lab.models.families import family_of
from lab.models.params import rel_error_max
from lab.models.quant import SCHEMES
from lab.models.tinygpt_v.image import synthetic_image
from lab.models.tinygpt_v.reference import Encoder
from tests.compile.building import rel_error
from tests.compile.gpu.families import CPU_LIKE
from tests.compile.gpu.network import GpuCompiled, stored
from tests.compile.gpu.opencl import compiled, kernel
from tests.compile.gpu.test_products import BY_GPU, EPS, normal
from tests.compile.test_encoder_kernels import attention, layer_norm
from tests.models.test_tinygpt_v import IDS, TINY, VISION, weights_of

SLOW = pytest.mark.slow


@BY_GPU
@pytest.mark.parametrize("rows", [37, pytest.param(1, marks=SLOW)])
def test_every_row_sees_every_row(gpu, rows):
    qkv = normal(rows, 6, 88) * 2
    out, lse = np.zeros((rows, 2, 88), np.float32), np.zeros((rows, 2), np.float32)
    got = kernel(full_attention, gpu, 2, 88, 2)(qkv, qkv, out, lse)[-2]
    assert rel_error(got, attention(qkv[:, :2], qkv[:, 2:4], qkv[:, 4:])) < 1e-5


@SLOW
@BY_GPU
def test_queries_of_another_length_than_the_keys(gpu):
    q, kv = normal(5, 3, 64), normal(141, 6, 64)
    out, lse = np.zeros((5, 3, 64), np.float32), np.zeros((5, 3), np.float32)
    got = kernel(full_attention, gpu, 3, 64, 0)(q, kv, out, lse)[-2]
    assert rel_error(got, attention(q, kv[:, :3], kv[:, 3:])) < 1e-5


@BY_GPU
def test_gelu_is_within_1e_6_of_its_definition(gpu):
    x = np.concatenate([np.linspace(-12, 12, 4001), [0.0, -1e30, 1e30]]).astype(np.float32)[:, None]
    x = np.repeat(x, 2, axis=1)
    got = compiled(active_rows(gpu, 2, Activation("gelu", gated=False), "float32"), gpu)(x, np.ones_like(x))[-1]
    want = np.array([v / 2 * math.erfc(-v / math.sqrt(2)) for v in x[:, 0].astype(np.float64)])
    assert np.abs(got - want[:, None])[np.abs(x) < 20].max() < 1e-6
    assert got[-2:, 0].tolist() == [0.0, np.float32(1e30)]


@SLOW
@BY_GPU
def test_a_norm_added_to_the_stream(gpu):
    x, g, residual = normal(7, 160) * 9, normal(160), normal(7, 160) + 3
    made = rms_norm(tiles(gpu).row_threads, 160, NormOf("float32", EPS), "float32", residual=True)
    want = x / np.sqrt(np.square(x.astype(np.float64)).mean(-1, keepdims=True) + EPS) * g + residual
    assert rel_error(compiled(made, gpu)(x, g, residual, np.ones_like(x))[-1], want) < 1e-6


@BY_GPU
def test_norms_of_queries_and_keys(gpu):
    qkv, norms = normal(3, 8, 80), [normal(80) * scale for scale in (1, 0.5, 2, -1)]
    made = kernel(normed_heads, gpu, 4, 2, 80, ("float32", EPS), 0.25, "float32")
    got = made(qkv, *norms, np.zeros_like(qkv))[-1]
    query, key = layer_norm(qkv[:, :4], *norms[:2], EPS) * 0.25, layer_norm(qkv[:, 4:6], *norms[2:], EPS)
    assert rel_error(got, np.concatenate([query, key, qkv[:, 6:]], axis=1)) < 1e-6


@pytest.mark.parametrize("dim", [88, 64])
@pytest.mark.parametrize("gpu", GPUS)
def test_every_family_has_room_for_the_heads_of_the_encoders(gpu, dim):
    assert tile_for(GPUS[gpu], "attention_full", dim, "float32").rows >= 8


@SLOW
def test_tinygpt_v():
    scheme, layout, family, weights = SCHEMES["q4"], CPU_LIKE.layout, family_of(TINY), weights_of(TINY)
    built, kept = GpuCompiled(TINY, scheme, CPU_LIKE, weights), stored(weights, scheme, layout)
    most = rel_error_max(scheme, 2, layout)
    pixels = synthetic_image(VISION.rows, VISION.columns)
    image = built.vm["encode_image"](tvm.runtime.tensor(pixels, built.device), built.params).numpy()
    reference = Encoder(TINY, lambda name, x: x @ kept[name].T, kept.__getitem__)
    assert rel_error(image, reference.run(pixels)) < most
    built.start(len(image) + len(IDS))
    for first, last in ((0, 6), (6, 7), (7, 8)):
        rows = kept[family.embedding][IDS[first:last]]
        got, ids = built.feed_rows(rows if first else np.concatenate([image, rows])), IDS[:last]
        want = family.logits(TINY, kept[family.embedding][ids], lambda n, x: x @ kept[n].T, kept.__getitem__)
        assert rel_error(got, want) < most
