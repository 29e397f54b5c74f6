"""Matrix products, their activation encodings and the embedding against numpy, for every ISA record that runs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lab.compile.cpu.kernels.embed import float_embed, quantised_embed
from lab.compile.cpu.kernels.encode import activated, copied, encoded, normalised
from lab.compile.cpu.kernels.encoding import Encoding, encoding_for
from lab.compile.cpu.kernels.linear import quantised_linear
from lab.compile.cpu.kernels.linear_float import float_linear
from lab.models.activation import SILU_GATED
from lab.models.layouts.n16k4 import N16K4
from lab.models.quant import SCHEMES, dequantise, quantise
from tests.compile.building import RUNNABLE, kernel, rel_error

BY_ISA = pytest.mark.parametrize("isa", RUNNABLE, ids=[isa.name for isa in RUNNABLE])


def normal(*shape):
    return np.random.default_rng(len(shape) + sum(shape)).standard_normal(shape).astype(np.float32)


def outputs(encoding, rows, features):
    """Arrays full of ones for the encoding to overwrite."""
    tiles = -(-rows // encoding.tile_rows)
    return [np.ones(shape, dtype) for shape, dtype in encoding.shapes(tiles, features)]


def decoded(tensors, rows, words=1):
    """float [rows, K] and, for int8, also the raw bytes with the padding rows; `words` as of the encoding."""
    if len(tensors) == 1:
        return tensors[0].transpose(0, 2, 1).reshape(-1, tensors[0].shape[1])[:rows], None
    acts, scale, _ = tensors
    tiles, groups, tile_rows = scale.shape[0], scale.shape[1], scale.shape[2] // words
    scale = first_copies(scale, words)
    ordered = acts.reshape(tiles, groups, 8 // words, tile_rows, words).transpose(0, 3, 1, 2, 4)
    raw = ordered.copy().view(np.int8).reshape(tiles * tile_rows, groups, 32)
    scales = scale.transpose(0, 2, 1).reshape(tiles * tile_rows, groups, 1)
    return (raw * scales).reshape(tiles * tile_rows, -1)[:rows], raw


def values_of(tensors, encoding, rows, k):
    """What the encoded activations stand for, [rows, k]."""
    if encoding.kind == "float" or encoding.terms == 1:
        return decoded(tensors, rows, encoding.words)[0]
    if encoding.join != "values":
        return decoded(tensors, rows, encoding.words)[0].reshape(rows, -1, 2, 32).sum(2).reshape(rows, k)
    words = tensors[0].reshape(-1, k // 32, 2, 8, encoding.tile_rows).transpose(0, 4, 1, 2, 3)
    evens_first = words.copy().view(np.int16).reshape(-1, 4)[:, [0, 2, 1, 3]]
    scale = tensors[1].transpose(0, 2, 1).reshape(-1, 2)[:, 1:]
    return (evens_first.reshape(-1, 32) * scale).reshape(-1, k)[:rows]


def first_copies(values, words):
    """[tiles, groups, rows] of what comes `words` times for as many rows; all copies must be equal."""
    copies = values.reshape(*values.shape[:2], -1, words, words)
    assert (copies == copies[..., :1, :]).all()
    return copies[..., 0, :].reshape(*values.shape[:2], -1)


def encodings(isa):
    for one_row in (True, False):
        yield encoding_for(isa, 16, one_row=one_row)
        yield encoding_for(isa, 4, one_row=one_row)
        if isa.dot == "maddubs":  # 16 bits for many rows
            yield encoding_for(isa, 8, one_row=False)


def tolerance(encoding, want):
    """Half a step of the widest group, or float32 rounding."""
    if encoding.kind == "float":
        return np.abs(want).max() * 1e-6
    return np.abs(want).max() * 0.5 / 127 * (1.01 if encoding.terms == 1 else 1.05 / 254)


@BY_ISA
def test_normalised_activations(isa):
    for encoding in encodings(isa):
        rows, features = (1 if encoding.tile_rows == 1 else 13), 96
        x, weight = normal(rows, features), normal(features)
        want = x / np.sqrt(np.square(x, dtype=np.float64).mean(1, keepdims=True) + 1e-5) * weight
        call = kernel(normalised, isa, encoding, features, 1e-5)
        tensors = call(x, weight, *outputs(encoding, rows, features))[2:]
        assert np.abs(values_of(tensors, encoding, rows, features) - want).max() <= tolerance(encoding, want)
        raw = None if encoding.join == "values" else decoded(tensors, rows, encoding.words)[1]
        assert raw is None or not raw[rows:].any()  # rows past the end are zeros


@BY_ISA
def test_last_row_only(isa):
    x, weight = normal(5, 64), normal(64)
    want = x[4] / np.sqrt(np.square(x[4], dtype=np.float64).mean() + 1e-6) * weight
    call = kernel(normalised, isa, Encoding(1, "float"), 64, 1e-6, last_row=True)
    assert np.abs(call(x, weight, np.zeros((1, 64, 1), np.float32))[2].ravel() - want).max() < 1e-5


@BY_ISA
def test_gated_activations(isa):
    for encoding in encodings(isa):
        rows, features = (1 if encoding.tile_rows == 1 else 13), 64
        x = normal(rows, 2 * features) * 8
        x[0, :4] = [200, -200, 0, 88.8]  # where exp overflows, and zero
        gate = x[:, :features].astype(np.float64)
        want = gate / (1 + np.exp(np.clip(-gate, None, 700))) * x[:, features:]
        call = kernel(encoded, isa, encoding, features, 2 * features, activated(SILU_GATED, features), "float32")
        got = values_of(call(x, *outputs(encoding, rows, features))[1:], encoding, rows, features)
        assert np.abs(got - want).max() <= tolerance(encoding, want)


@BY_ISA
def test_bias_undoes_the_weight_offset(isa):
    encoding = replace(encoding_for(isa, 8, one_row=False), terms=1, join="no", offset=128)
    x = normal(7, 96).astype(np.float16)
    tensors = kernel(encoded, isa, encoding, 96, 96, copied, "float16")(x, *outputs(encoding, 7, 96))[1:]
    _, raw = decoded(tensors, 7, encoding.words)
    bias = first_copies(tensors[2], encoding.words).transpose(0, 2, 1).reshape(-1, 3) - encoding.start
    np.testing.assert_array_equal(bias, -128 * raw.astype(np.int32).sum(-1))


@BY_ISA
def test_a_row_of_zeros_encodes_to_zeros(isa):
    encoding = Encoding(1, "int8", 8)
    tensors = kernel(encoded, isa, encoding, 32, 32, copied, "float32")(
        np.zeros((1, 32), np.float32), *outputs(encoding, 1, 32)
    )[1:]
    assert not any(tensor.any() for tensor in tensors)


# Rows that are no multiple of the tile, one row, K of one and of several groups, N of one block and of many.
@BY_ISA
@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize(
    ("rows", "k", "n", "add"),
    [(1, 32, 16, False), (1, 96, 80, True), (1, 64, 32064, False), (13, 96, 48, True), (5, 32, 16, False)],
)
def test_quantised_product(isa, bits, rows, k, n, add):
    scheme = SCHEMES[f"q{bits}"]
    q, scale = quantise(normal(n, k), scheme)
    encoding = encoding_for(isa, bits, one_row=rows == 1)
    encode = kernel(encoded, isa, encoding, k, k, copied, "float32")
    acts = encode(normal(rows, k), *outputs(encoding, rows, k))[1:]
    x = values_of(acts, encoding, rows, k)
    residual = [normal(rows, n)] if add else []
    linear = kernel(quantised_linear, isa, bits, k, n, encoding.tile_rows, residual=add, out_dtype="float32")
    got = linear(*acts, N16K4.pack_q(q, bits), N16K4.pack_scale(scale), *residual, np.zeros((rows, n), np.float32))
    want = x.astype(np.float64) @ dequantise(q, scale).T.astype(np.float64) + (residual[0] if add else 0)
    assert rel_error(got[-1], want) < 1e-6


@BY_ISA
def test_largest_weights_and_activations_do_not_overflow(isa):
    """255 * 127 twice is past 16 bits, where pair instructions sum."""
    k, n = 64, 16
    q, scale = np.full((n, k), 127, np.int8), np.ones((n, k // 32), np.float16)
    encoding = encoding_for(isa, 8, one_row=True)
    x = np.ones((1, k), np.float32)
    acts = kernel(encoded, isa, encoding, k, k, copied, "float32")(x, *outputs(encoding, 1, k))[1:]
    linear = kernel(quantised_linear, isa, 8, k, n, 1, residual=False, out_dtype="float32")
    got = linear(*acts, N16K4.pack_q(q, 8), N16K4.pack_scale(scale), np.zeros((1, n), np.float32))[-1]
    np.testing.assert_allclose(got, 127.0 * k, rtol=1e-6)


@BY_ISA
@pytest.mark.parametrize("dtype", ["float16", "float32"])
@pytest.mark.parametrize(("rows", "k", "n", "add"), [(1, 32, 16, False), (1, 96, 80, True), (13, 96, 48, True)])
def test_float_product(isa, dtype, rows, k, n, add):
    encoding = encoding_for(isa, 16, one_row=rows == 1)
    x, w = normal(rows, k), normal(n, k).astype(dtype)
    acts = kernel(encoded, isa, encoding, k, k, copied, "float32")(x, *outputs(encoding, rows, k))[1:]
    residual = [normal(rows, n)] if add else []
    linear = kernel(float_linear, isa, dtype, k, n, encoding.tile_rows, residual=add, out_dtype="float32")
    got = linear(*acts, N16K4.pack_dense(w), *residual, np.zeros((rows, n), np.float32))[-1]
    want = x.astype(np.float64) @ w.T.astype(np.float64) + (residual[0] if add else 0)
    assert rel_error(got, want) < 1e-5


@BY_ISA
@pytest.mark.parametrize("scheme_name", ["q4", "q8", "f16", "f32"])
def test_embedding_rows(isa, scheme_name):
    scheme, table = SCHEMES[scheme_name], normal(37, 64)
    ids, out = np.array([0, 36, 16, 15, 16], np.int32), np.zeros((5, 64), np.float32)
    if scheme.quantised:
        q, scale = quantise(table, scheme)
        call = kernel(quantised_embed, isa, scheme.bits, 48, 64)
        got = call(ids, N16K4.pack_q(q, scheme.bits), N16K4.pack_scale(scale), out)[-1]
        np.testing.assert_array_equal(got, dequantise(q, scale)[ids])
        return
    stored = table.astype(scheme.weight_dtype)
    got = kernel(float_embed, isa, scheme.weight_dtype, 48, 64)(ids, N16K4.pack_dense(stored), out)[-1]
    np.testing.assert_array_equal(got, stored[ids].astype(np.float32))
