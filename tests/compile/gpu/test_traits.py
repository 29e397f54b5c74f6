"""Biases, LayerNorm, activations and partial rotation in the kernels of GPUs, on OpenCL, against numpy in float64."""

from __future__ import annotations

import numpy as np
import pytest

from lab.compile.gpu.kernels.gemm import gemm
from lab.compile.gpu.kernels.gemv import gemv
from lab.compile.gpu.kernels.norm import NormOf, layer_norm
from lab.compile.gpu.kernels.rope import split_rotary
from lab.compile.gpu.kernels.table_rows import embed, gemv_rows
from lab.compile.gpu.kernels.weights import Weights
from lab.compile.gpu.tile import tiles
from lab.models.activation import Activation
from tests.compile.building import rel_error
from tests.compile.gpu.opencl import compiled, kernel
from tests.compile.gpu.test_products import BY_GPU, EPS, matrix, normal

LAYER = NormOf("float32", EPS, layer=True)
ACTIVATIONS = {
    "gelu": Activation("gelu_tanh"),
    "ungated": Activation("gelu_tanh", gated=False),
    "gegelu": Activation("gegelu", limit=2.0),
}
SLOW = pytest.mark.slow  # each case is a kernel that is built
BY_ACTIVATION = pytest.mark.parametrize(
    "activation",
    [pytest.param(value, marks=SLOW if name != "gegelu" else ()) for name, value in ACTIVATIONS.items()],
    ids=ACTIVATIONS,
)
BY_BITS = pytest.mark.parametrize("bits", [4, pytest.param(32, marks=SLOW)])


def layer_normed(x, g, b):
    x = x.astype(np.float64)
    away = x - x.mean(-1, keepdims=True)
    return away / np.sqrt(np.square(away).mean(-1, keepdims=True) + EPS) * g + b


def gelu(x):
    return x / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


def acted(activation, y):
    gate, up = np.split(y, 2, axis=1) if activation.gated else (y, 1)
    if activation.name == "gelu_tanh":
        return gelu(gate) * up
    gate, up = np.minimum(gate, activation.limit), np.clip(up, -activation.limit, activation.limit)
    return gate / (1 + np.exp(-1.702 * gate)) * (up + 1)


def far(rows, features):
    """Rows whose mean is far from 0, beside which their differences are small."""
    return (normal(rows, features) * np.array([[0.1], [5], [1]])[-rows:] + 30).astype(np.float32)


@BY_GPU
@BY_BITS
def test_one_row_with_a_layer_norm_a_bias_and_a_factor(gpu, bits):
    k, n = 1120, 331
    stored, w = matrix(k, n, bits)
    x, g, b, bias = far(3, k), normal(k), normal(k), normal(n)
    options = {"norm": LAYER, "bias": "float32", "scaled": (100, 0.25)}
    call = compiled(gemv(tiles(gpu).gemv, Weights(k, n, bits, "float32"), "float32", "float32", **options), gpu)
    want = layer_normed(x[2:], g, b) @ w.T + bias
    want[:, :100] *= 0.25
    assert rel_error(call(x, g, b, *stored, bias, np.ones((1, n), np.float32))[-1], want) < 5e-6


@BY_GPU
@BY_ACTIVATION
def test_one_row_activated(gpu, activation):
    k, n = 160, 2 * 72
    stored, w = matrix(k, n, 4)
    x, bias, width = normal(1, k), normal(n), n // activation.halves
    options = {"activation": activation, "bias": "float32"}
    call = compiled(gemv(tiles(gpu).gemv, Weights(k, n, 4, "float32"), "float32", "float32", **options), gpu)
    got = call(x, *stored, bias, np.ones((1, width), np.float32))[-1]
    assert rel_error(got, acted(activation, x @ w.T + bias)) < 2e-6


@BY_GPU
@BY_ACTIVATION
def test_many_rows_activated(gpu, activation):
    k, n = 96, 2 * 154
    stored, w = matrix(k, n, 4)
    bias, width = normal(n), n // activation.halves
    options = {"activation": activation, "bias": "float32"}
    call = compiled(gemm(tiles(gpu).gemm, Weights(k, n, 4, "float32"), "float32", "float32", **options), gpu)
    for rows in (5, 67):
        x = normal(rows, k)
        got = call(x, *stored, bias, np.ones((rows, width), np.float32))[-1]
        assert rel_error(got, acted(activation, x @ w.T + bias)) < 2e-6, rows


@BY_GPU
@BY_BITS
def test_many_rows_with_a_bias_before_residual_and_factor(gpu, bits):
    k, n, rows = 96, 308, 9
    stored, w = matrix(k, n, bits)
    x, bias, residual, shape = normal(rows, k), normal(n), normal(rows, n), Weights(k, n, bits, "float32")
    want = x @ w.T + bias
    call = compiled(gemm(tiles(gpu).gemm, shape, "float32", "float32", bias="float32", residual=True), gpu)
    assert rel_error(call(x, *stored, bias, residual, np.ones_like(residual))[-1], want + residual) < 2e-6
    want[:, :100] *= 0.25
    call = compiled(gemm(tiles(gpu).gemm, shape, "float32", "float32", bias="float32", scaled=(100, 0.25)), gpu)
    assert rel_error(call(x, *stored, bias, np.ones_like(residual))[-1], want) < 2e-6


@SLOW
@BY_GPU
def test_one_row_with_a_bias_and_a_residual(gpu):
    k, n = 96, 308
    stored, w = matrix(k, n, 4)
    x, bias, residual = normal(1, k), normal(n), normal(1, n)
    options = {"bias": "float32", "residual": True}
    call = compiled(gemv(tiles(gpu).gemv, Weights(k, n, 4, "float32"), "float32", "float32", **options), gpu)
    got = call(x, *stored, bias, residual, np.ones_like(residual))[-1]
    assert rel_error(got, x @ w.T + bias + residual) < 2e-6


@BY_GPU
@pytest.mark.parametrize("last_row", [False, pytest.param(True, marks=SLOW)])
def test_layer_norm(gpu, last_row):
    x, g, b = far(3, 2560), normal(2560), normal(2560)
    made = layer_norm(tiles(gpu).row_threads, 2560, LAYER, "float32", last_row=last_row)
    want = layer_normed(x, g, b)[-1 if last_row else 0 :]
    got = compiled(made, gpu)(x, g, b, np.ones(want.shape, np.float32))[-1]
    for one, expected in zip(got, want, strict=True):
        assert rel_error(one, expected) < 5e-5  # float32 keeps 4e-6 of a row around 30, whose differences are 0.1


@BY_GPU
def test_embedding_rows_with_a_factor(gpu):
    stored, w = matrix(672, 37, 4, by_rows=True)
    ids = np.array([0, 36, 16], np.int32)
    call = compiled(embed(tiles(gpu).row_threads, Weights(672, 37, 4, "float32"), 45.25), gpu)
    want = w[ids].astype(np.float32) * np.float32(45.25)
    np.testing.assert_array_equal(call(ids, *stored, np.ones((3, 672), np.float32))[-1], want)


@SLOW
@BY_GPU
def test_a_head_that_shares_the_table_of_normed_rows(gpu):
    k, n = 672, 331
    stored, w = matrix(k, n, 4, by_rows=True)
    x, bias = normal(1, k), normal(n)
    call = compiled(gemv_rows(tiles(gpu).row_threads, Weights(k, n, 4, "float32"), bias="float32"), gpu)
    assert rel_error(call(x, *stored, bias, np.ones((1, n), np.float32))[-1], x @ w.T + bias) < 2e-6


@BY_GPU
@pytest.mark.parametrize(
    ("dim", "turned"), [(80, 32), *(pytest.param(*sizes, marks=SLOW) for sizes in ((128, 96), (20, 10)))]
)
def test_the_first_part_of_a_head_is_rotated_and_the_rest_passes(gpu, dim, turned):
    heads, kv_heads, n = 3, 1, 3
    qkv, positions = normal(n, heads + 2 * kv_heads, dim), np.array([5, 0, 9], np.int32)
    table = normal(10, turned)
    out = [np.full((n, h, dim), np.nan, np.float32) for h in (heads, kv_heads, kv_heads)]
    made = kernel(split_rotary, gpu, heads, kv_heads, dim, "float32", turned)
    q, k, v = made(qkv, positions, *out, table)[2:5]
    half = turned // 2
    cos, sin = table[positions][:, None, :half], table[positions][:, None, half:]
    first, second = qkv[..., :half], qkv[..., half:turned]
    want = np.concatenate([first * cos - second * sin, second * cos + first * sin, qkv[..., turned:]], axis=-1)
    np.testing.assert_allclose(np.concatenate([q, k], axis=1), want[:, : heads + kv_heads], atol=1e-5)
    np.testing.assert_array_equal(v, qkv[:, heads + kv_heads :])
