"""Products, norm and embedding of GPUs, on OpenCL, against numpy."""

from __future__ import annotations

import numpy as np
import pytest

from lab.compile.gpu.kernels.gemm import gemm
from lab.compile.gpu.kernels.gemv import gemv
from lab.compile.gpu.kernels.norm import NormOf, rms_norm
from lab.compile.gpu.kernels.table_rows import embed, gemv_rows
from lab.compile.gpu.kernels.weights import Weights
from lab.compile.gpu.tile import tiles
from lab.models.activation import SILU_GATED
from lab.models.layouts.kn import KN_F32, quantise_f32, table_of
from lab.models.quant import dequantise
from tests.compile.building import rel_error
from tests.compile.gpu.families import FAMILIES
from tests.compile.gpu.opencl import compiled

BY_GPU = pytest.mark.parametrize("gpu", FAMILIES, ids=lambda gpu: gpu.name)
BY_BITS = pytest.mark.parametrize("bits", [4, 32])
EPS = 1e-5
NORM = NormOf("float32", EPS)


def normal(*shape):
    return np.random.default_rng(len(shape) + sum(shape)).standard_normal(shape).astype(np.float32)


def matrix(k, n, bits, *, by_rows=False):
    """Random [N, K] weights: as stored, and the float64 that this stands for."""
    w = normal(n, k)
    packing = table_of(KN_F32) if by_rows else KN_F32
    if bits == 32:
        return [packing.pack_dense(w)], w.astype(np.float64)
    q, scale = quantise_f32(w)
    return [packing.pack_q(q, 4), packing.pack_scale(scale)], dequantise(q, scale).astype(np.float64)


def normed(x, g):
    x = x.astype(np.float64)
    return x / np.sqrt(np.square(x).mean(-1, keepdims=True) + EPS) * g


def silu_gated(y):
    gate, up = np.split(y, 2, axis=1)
    return gate / (1 + np.exp(-gate)) * up


# K of one group, of one that no piece divides, and of several; N of a vector, of none, and past a workgroup.
SIZES = pytest.mark.parametrize(("k", "n"), [(32, 16), (96, 331), (1120, 80), (2048, 1036)])


@BY_GPU
@BY_BITS
@SIZES
def test_one_row(gpu, bits, k, n):
    stored, w = matrix(k, n, bits)
    x, residual = normal(1, k), normal(1, n)
    kernel = gemv(tiles(gpu).gemv, Weights(k, n, bits, "float32"), "float32", "float32", residual=True)
    got = compiled(kernel, gpu)(x, *stored, residual, np.ones((1, n), np.float32))[-1]
    assert rel_error(got, x @ w.T + residual) < 1e-6


@BY_GPU
@BY_BITS
@SIZES
def test_the_last_row_of_several_normed(gpu, bits, k, n):
    stored, w = matrix(k, n, bits)
    x, g = normal(3, k) * 5, normal(k)
    kernel = gemv(tiles(gpu).gemv, Weights(k, n, bits, "float32"), "float32", "float32", norm=NORM)
    got = compiled(kernel, gpu)(x, g, *stored, np.ones((1, n), np.float32))[-1]
    assert rel_error(got, normed(x[2:], g) @ w.T) < 2e-6


@BY_GPU
@BY_BITS
def test_one_row_gated(gpu, bits):
    k, n = 160, 2 * 72
    stored, w = matrix(k, n, bits)
    x, g = normal(1, k), normal(k)
    kernel = gemv(
        tiles(gpu).gemv, Weights(k, n, bits, "float32"), "float32", "float32", norm=NORM, activation=SILU_GATED
    )
    got = compiled(kernel, gpu)(x, g, *stored, np.ones((1, n // 2), np.float32))[-1]
    assert rel_error(got, silu_gated(normed(x, g) @ w.T)) < 2e-6


@BY_GPU
def test_gates_where_exp_overflows(gpu):
    k, n = 32, 16
    w = np.zeros((n, k), np.float32)
    w[:8, 0], w[8:, 0] = [-300, -100, -89, 0, 1, 89, 100, 300], 1
    kernel = gemv(tiles(gpu).gemv, Weights(k, n, 32, "float32"), "float32", "float32", activation=SILU_GATED)
    x = np.zeros((1, k), np.float32)
    x[0, 0] = 1
    got = compiled(kernel, gpu)(x, KN_F32.pack_dense(w), np.ones((1, 8), np.float32))[-1][0]
    np.testing.assert_allclose(got, [0, 0, 0, 0, 1 / (1 + np.exp(-1)), 89, 100, 300], rtol=1e-6, atol=1e-30)


# Rows of one tile exactly, of less than one, of one more, of many.
@BY_GPU
@BY_BITS
@pytest.mark.parametrize("gated", [False, True])
def test_many_rows(gpu, bits, gated):
    k, n = 96, 2 * 154
    stored, w = matrix(k, n, bits)
    width = n // 2 if gated else n
    options = {"activation": SILU_GATED} if gated else {"residual": True}
    call = compiled(gemm(tiles(gpu).gemm, Weights(k, n, bits, "float32"), "float32", "float32", **options), gpu)
    for rows in (1, 5, 8, 9, 67):
        x, residual = normal(rows, k), normal(rows, width)
        args = [x, *stored, *([] if gated else [residual]), np.ones((rows, width), np.float32)]
        want = silu_gated(x @ w.T) if gated else x @ w.T + residual
        assert rel_error(call(*args)[-1], want) < 2e-6, rows


@BY_GPU
@pytest.mark.parametrize("features", [32, 160, 3072])
def test_norm(gpu, features):
    x, g = normal(7, features) * 9, normal(features)
    kernel = rms_norm(tiles(gpu).row_threads, features, NORM, "float32")
    assert rel_error(compiled(kernel, gpu)(x, g, np.ones_like(x))[-1], normed(x, g)) < 1e-6


@BY_GPU
@BY_BITS
def test_embedding_rows(gpu, bits):
    stored, w = matrix(672, 37, bits, by_rows=True)
    ids = np.array([0, 36, 16, 15, 16], np.int32)
    call = compiled(embed(tiles(gpu).row_threads, Weights(672, 37, bits, "float32")), gpu)
    got = call(ids, *stored, np.ones((5, 672), np.float32))[-1]
    np.testing.assert_array_equal(got, w[ids].astype(np.float32))


@BY_GPU
@BY_BITS
def test_a_head_that_shares_the_table(gpu, bits):
    k, n = 672, 331
    stored, w = matrix(k, n, bits, by_rows=True)
    x, g = normal(3, k), normal(k)
    call = compiled(gemv_rows(tiles(gpu).row_threads, Weights(k, n, bits, "float32"), NORM), gpu)
    assert rel_error(call(x, g, *stored, np.ones((1, n), np.float32))[-1], normed(x[2:], g) @ w.T) < 2e-6
