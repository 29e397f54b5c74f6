"""Kernels of image encoders, and norms of queries and keys, against numpy in float64."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lab.compile.cpu.kernels.attention_full import full_attention
from lab.compile.cpu.kernels.encode import activated, encoded
from lab.compile.cpu.kernels.encoding import encoding_for
from lab.compile.cpu.kernels.norm_rows import normalised_heads, normalised_rows
from lab.models.activation import Activation
from tests.compile.building import EMULATED, NATIVE, kernel, rel_error

GELU = Activation("gelu", gated=False)
ISAS = pytest.mark.parametrize("isa", [*NATIVE[:1], NATIVE[-1], EMULATED[-1]], ids=lambda isa: isa.name)


def softmax(scores: np.ndarray) -> np.ndarray:
    raised = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return raised / raised.sum(axis=-1, keepdims=True)


def attention(q: np.ndarray, k: np.ndarray, v: np.ndarray) -> np.ndarray:
    """[n, heads, D] of float64 queries [n, heads, D], keys and values [m, heads, D]."""
    q, k, v = (x.astype(np.float64).transpose(1, 0, 2) for x in (q, k, v))
    return (softmax(q @ k.transpose(0, 2, 1) * q.shape[-1] ** -0.5) @ v).transpose(1, 0, 2)


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32) * 2


@ISAS
@pytest.mark.parametrize("dim", [88, 64])
@pytest.mark.parametrize("rows", [1, 16, 37])
def test_every_row_sees_every_row(isa, dim, rows):
    qkv = normal(rows, 6, dim)
    got = kernel(full_attention, isa, 2, dim, 2)(qkv, qkv, np.zeros((rows, 2, dim), np.float32))[-1]
    assert rel_error(got, attention(qkv[:, :2], qkv[:, 2:4], qkv[:, 4:])) < 1e-5


@ISAS
def test_queries_of_another_length_than_the_keys(isa):
    q, kv = normal(5, 3, 64), normal(41, 6, 64, seed=1)
    got = kernel(full_attention, isa, 3, 64, 0)(q, kv, np.zeros((5, 3, 64), np.float32))[-1]
    assert rel_error(got, attention(q, kv[:, :3], kv[:, 3:])) < 1e-5


def layer_norm(x: np.ndarray, weight: np.ndarray, bias: np.ndarray, eps: float) -> np.ndarray:
    x = x.astype(np.float64)
    centred = x - x.mean(axis=-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + eps) * weight + bias


@ISAS
@pytest.mark.parametrize("features", [48, 20])
def test_norms_of_rows(isa, features):
    x, more = normal(3, features) + 5, normal(3, features, seed=1)
    weight, bias = normal(features, seed=2), normal(features, seed=3)
    out = np.zeros_like(x)
    got = kernel(normalised_rows, isa, "layer", features, 1e-6, residual=False)(x, weight, bias, out)[-1]
    assert rel_error(got, layer_norm(x, weight, bias, 1e-6)) < 1e-5
    want = x / np.sqrt((x.astype(np.float64) ** 2).mean(axis=-1, keepdims=True) + 1e-6) * weight
    got = kernel(normalised_rows, isa, "rms", features, 1e-6, residual=True)(x, weight, more, out)[-1]
    assert rel_error(got, want + more) < 1e-5
    assert (
        rel_error(kernel(normalised_rows, isa, "rms", features, 1e-6, residual=False)(x, weight, out)[-1], want) < 1e-5
    )


@ISAS
@pytest.mark.parametrize(("dtype", "most"), [("float32", 1e-5), ("float16", 1e-3)])
def test_norms_of_queries_and_keys(isa, dtype, most):
    qkv = normal(3, 8, 80)
    norms = [normal(80, seed=i) for i in range(4)]
    got = kernel(normalised_heads, isa, 4, 2, 80, 1e-5, 0.25, dtype)(qkv, *norms, np.zeros(qkv.shape, dtype))[-1]
    query, key = layer_norm(qkv[:, :4], *norms[:2], 1e-5) * 0.25, layer_norm(qkv[:, 4:6], *norms[2:], 1e-5)
    assert rel_error(got, np.concatenate([query, key, qkv[:, 6:]], axis=1)) < most


@ISAS
def test_gelu_is_that_of_the_normal_distribution(isa):
    x = np.concatenate([np.linspace(-9, 9, 124), [0.0, -1e30, 1e30, 100.0]]).astype(np.float32)[None]
    encoding = encoding_for(isa, 32, one_row=True)
    out = np.zeros((1, x.shape[1], 1), np.float32)
    size = x.shape[1]
    got = kernel(encoded, isa, encoding, size, size, activated(GELU, size), "float32")(x, out)[-1].ravel()
    want = np.array([v / 2 * math.erfc(-v / math.sqrt(2)) for v in x[0].astype(np.float64)])
    assert np.abs(got - want)[np.abs(x[0]) < 1e9].max() < 2e-6
    assert abs(got[-3]) < 1e-9  # exp2 ends at 2**-126
    assert got[-2:].tolist() == [np.float32(1e30), 100.0]
