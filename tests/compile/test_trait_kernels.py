"""What other families ask of kernels against numpy in float64: biases, LayerNorm, activations, scaled embeddings, a
rotation of a part of each head, and heads of other sizes and groups. Each on every x86 record, and on one of ARM's or
more."""

from __future__ import annotations

import numpy as np
import pytest

from lab.compile.cpu.kernels.attention_decode import decode_attention
from lab.compile.cpu.kernels.attention_merge import merge_states
from lab.compile.cpu.kernels.attention_prefill import paged_attention, ragged_attention
from lab.compile.cpu.kernels.embed import float_embed, quantised_embed
from lab.compile.cpu.kernels.encode import activated, copied, encoded, normalised
from lab.compile.cpu.kernels.encoding import encoding_for
from lab.compile.cpu.kernels.linear import quantised_linear
from lab.compile.cpu.kernels.linear_float import float_linear
from lab.compile.cpu.kernels.linear_row import row_linear
from lab.compile.cpu.kernels.rope import rope_table, split_rotary
from lab.compile.tir.sizes import PAGE
from lab.models.activation import Activation
from lab.models.layouts.n16k4 import N16K4
from lab.models.quant import SCHEMES, dequantise, quantise
from tests.compile.building import EMULATED, NATIVE, kernel, rel_error
from tests.compile.test_attention import SCALE, ints, paged, problem, softmax_attention
from tests.compile.test_linear import encodings, normal, outputs, tolerance, values_of

ARM = next(isa for isa in EMULATED if isa.name == "neon-dotprod")
BASE_ARM = next(isa for isa in EMULATED if isa.name == "neon")
MMLA = next(isa for isa in EMULATED if isa.name == "neon-i8mm-fhm")
BY_ISA = pytest.mark.parametrize("isa", [*NATIVE, ARM], ids=lambda isa: isa.name)

# Rows of the result in whole blocks and with a rest; one row and tiles with a rest; with a residual and without.
PRODUCTS = [(isa, bits, rows, 75, rows > 1) for isa in NATIVE for bits in (4, 8) for rows in (1, 13)]
PRODUCTS += [(NATIVE[0], 4, 1, 80, True), (NATIVE[0], 4, 13, 96, False), (NATIVE[-1], 8, 13, 75, False)]
PRODUCTS += [(MMLA, 4, 13, 75, False), (ARM, 4, 13, 80, True), (ARM, 8, 1, 75, False), (BASE_ARM, 4, 1, 80, True)]


@pytest.mark.parametrize(("isa", "bits", "rows", "n", "add"), PRODUCTS, ids=lambda value: getattr(value, "name", value))
def test_quantised_product_with_a_bias(isa, bits, rows, n, add):
    k, padded = 64, -(-n // 16) * 16
    q, scale = quantise(normal(n, k), SCHEMES[f"q{bits}"])
    encoding = encoding_for(isa, bits, one_row=rows == 1, terms=2 if rows == 1 else 1)
    acts = kernel(encoded, isa, encoding, k, k, copied, "float32")(normal(rows, k), *outputs(encoding, rows, k))[1:]
    options = {"residual": add, "out_dtype": "float32", "bias_rows": n, "scaled": (0, 1.0) if add else (16, 0.25)}
    if rows == 1:
        linear = kernel(row_linear, isa, bits, k, padded, **options)
    else:
        linear = kernel(quantised_linear, isa, bits, k, padded, encoding.tile_rows, terms=encoding.terms, **options)
    bias, residual, out = normal(n) * 3, normal(rows, padded), np.zeros((rows, padded), np.float32)
    args = [*acts, N16K4.pack_q(q, bits), N16K4.pack_scale(scale), bias, *([residual] if add else []), out]
    got = linear(*args)[-1][:, :n]
    x = values_of(acts, encoding, rows, k)
    want = x.astype(np.float64) @ dequantise(q, scale).T.astype(np.float64) + bias
    if add:
        want += residual[:, :n]
    else:
        want[:, :16] *= 0.25  # after the bias
    assert rel_error(got, want) < 1e-6


@BY_ISA
@pytest.mark.parametrize(("dtype", "rows", "n", "add"), [("float16", 1, 75, False), ("float32", 13, 80, True)])
def test_float_product_with_a_bias(isa, dtype, rows, n, add):
    k, padded = 96, -(-n // 16) * 16
    encoding = encoding_for(isa, 16, one_row=rows == 1)
    x, w, bias = normal(rows, k), normal(n, k).astype(dtype), normal(n) * 3
    acts = kernel(encoded, isa, encoding, k, k, copied, "float32")(x, *outputs(encoding, rows, k))[1:]
    residual = [normal(rows, padded)] if add else []
    options = {"residual": add, "out_dtype": "float32", "bias_rows": n}
    linear = kernel(float_linear, isa, dtype, k, padded, encoding.tile_rows, **options)
    got = linear(*acts, N16K4.pack_dense(w), bias, *residual, np.zeros((rows, padded), np.float32))[-1][:, :n]
    want = x.astype(np.float64) @ w.T.astype(np.float64) + bias + (residual[0][:, :n] if add else 0)
    assert rel_error(got, want) < 1e-5


@BY_ISA
@pytest.mark.parametrize("mean", [0.0, 300.0])
def test_layer_norm(isa, mean):
    for encoding in encodings(isa):
        rows, features = (1 if encoding.tile_rows == 1 else 13), 96
        x, weight, bias = normal(rows, features) + np.float32(mean), normal(features), normal(features) * 2
        exact = x.astype(np.float64)
        want = (exact - exact.mean(1, keepdims=True)) / np.sqrt(exact.var(1, keepdims=True) + 1e-5) * weight + bias
        call = kernel(normalised, isa, encoding, features, 1e-5, kind="layer")
        tensors = call(x, weight, bias, *outputs(encoding, rows, features))[3:]
        rounding = np.spacing(np.float32(mean)) * 4
        most = tolerance(encoding, want) + rounding
        assert np.abs(values_of(tensors, encoding, rows, features) - want).max() <= most


def gelu(x):
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


def logistic(x):
    return 1 / (1 + np.exp(np.clip(-x, None, 700)))


def gegelu(gate, up, limit=np.inf):
    gate = np.minimum(gate, limit)
    return gate * logistic(1.702 * gate) * (np.clip(up, -limit, limit) + 1)


ACTIVATIONS = {
    "silu": (Activation("silu", gated=False), lambda x: x * logistic(x)),
    "gelu_tanh": (Activation("gelu_tanh", gated=False), gelu),
    "gelu_tanh-gated": (Activation("gelu_tanh"), lambda gate, up: gelu(gate) * up),
    "gegelu": (Activation("gegelu", limit=5.0), lambda gate, up: gegelu(gate, up, 5.0)),
    "gegelu-free": (Activation("gegelu"), gegelu),
}


@pytest.mark.parametrize(
    ("isa", "name"),
    [(isa, "gelu_tanh-gated") for isa in NATIVE] + [(isa, name) for isa in (NATIVE[0], ARM) for name in ACTIVATIONS],
    ids=lambda value: getattr(value, "name", value),
)
def test_activations(isa, name):
    activation, function = ACTIVATIONS[name]
    encoding, features = encoding_for(isa, 4, one_row=False), 64
    x = normal(13, activation.halves * features) * 8
    x[0, :6] = [200, -200, 0, 88.8, -30, 1e-3]  # where exp overflows, and zero
    exact = x.astype(np.float64)
    want = function(*np.split(exact, 2, axis=1)) if activation.gated else function(exact)
    value = activated(activation, features)
    call = kernel(encoded, isa, encoding, features, activation.halves * features, value, "float32")
    got = values_of(call(x, *outputs(encoding, 13, features))[1:], encoding, 13, features)
    assert np.abs(got - want).max() <= tolerance(encoding, want)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_of_small_values_are_as_exact_as_large_ones(name):
    activation, function = ACTIVATIONS[name]
    encoding = encoding_for(NATIVE[0], 32, one_row=True)
    x = np.geomspace(1e-6, 20, 64 * activation.halves, dtype=np.float32)[None]
    x[:, ::2] *= -1
    exact = x.astype(np.float64)
    want = function(*np.split(exact, 2, axis=1)) if activation.gated else function(exact)
    value = activated(activation, 64)
    call = kernel(encoded, NATIVE[0], encoding, 64, 64 * activation.halves, value, "float32")
    got = values_of(call(x, *outputs(encoding, 1, 64))[1:], encoding, 1, 64)
    near = np.abs(want) > 1e-7  # a GELU far below zero is the difference of nearly nothing
    assert (np.abs(got - want)[near] / np.abs(want)[near]).max() < 4e-5


@pytest.mark.parametrize(
    ("isa", "name"),
    [(isa, "q4") for isa in (NATIVE[-1], ARM)] + [(NATIVE[0], name) for name in ("q4", "q8", "f16", "f32")],
    ids=lambda value: getattr(value, "name", value),
)
def test_scaled_embedding(isa, name):
    scheme, table, factor = SCHEMES[name], normal(37, 64), 45.254834
    ids, out = np.array([0, 36, 16, 15], np.int32), np.zeros((4, 64), np.float32)
    if scheme.quantised:
        q, scale = quantise(table, scheme)
        stored, packed = dequantise(q, scale), [N16K4.pack_q(q, scheme.bits), N16K4.pack_scale(scale)]
        call = kernel(quantised_embed, isa, scheme.bits, 48, 64, factor)
    else:
        stored = table.astype(scheme.weight_dtype)
        packed, call = [N16K4.pack_dense(stored)], kernel(float_embed, isa, scheme.weight_dtype, 48, 64, factor)
    want = stored[ids].astype(np.float32) * np.float32(factor)
    np.testing.assert_array_equal(call(ids, *packed, out)[-1], want)


# Phi-2's, Phi-4-mini's, and sizes whose rest and halves fill no whole vector.
@pytest.mark.parametrize(
    ("isa", "dim", "rotary"),
    [(isa, 80, 32) for isa in (*NATIVE, ARM)] + [(NATIVE[0], 128, 96), (NATIVE[-1], 20, 12)],
    ids=lambda value: getattr(value, "name", value),
)
@pytest.mark.parametrize("n", [1, 3])
def test_a_part_of_each_head_is_rotated(isa, dim, rotary, n):
    heads, kv_heads = 4, 2
    qkv = normal(n, heads + 2 * kv_heads, dim)
    positions = np.array([5, 0, 9][:n], np.int32)
    inverse = np.stack([1.0 / (1 + np.arange(rotary // 2))] * 2).astype(np.float32)
    table = kernel(rope_table, isa, rotary, None, 1.0)(inverse, np.zeros((10, rotary), np.float32))[1]
    out = [np.full((n, h, dim), np.nan, np.float32) for h in (heads, kv_heads, kv_heads)]
    q, k, v = kernel(split_rotary, isa, heads, kv_heads, dim, "float32", rotary)(qkv, positions, *out, table)[2:5]
    angle = positions[:, None].astype(np.float64) * inverse[0]
    first, second, rest = np.split(qkv.astype(np.float64), [rotary // 2, rotary], axis=-1)
    cos, sin = np.cos(angle)[:, None], np.sin(angle)[:, None]
    want = np.concatenate([first * cos - second * sin, second * cos + first * sin, rest], axis=-1)
    np.testing.assert_allclose(np.concatenate([q, k], axis=1), want[:, : heads + kv_heads], atol=1e-5)
    np.testing.assert_array_equal(v, qkv[:, heads + kv_heads :])


# Query heads, key heads, head size: Gemma 2B; Qwen2.5-0.5B; Phi-2; Phi-3-small and Llama-3.2; Falcon's kind.
HEADS = [(8, 1, 256), (14, 2, 64), (2, 2, 80), (8, 2, 128), (20, 1, 32)]
ATTENTION = [(isa, heads) for isa in (NATIVE[0], NATIVE[-1]) for heads in HEADS]
ATTENTION += [(isa, heads) for isa in NATIVE[1:-1] for heads in HEADS[:2]] + [(BASE_ARM, HEADS[0]), (MMLA, HEADS[1])]
BY_HEADS = pytest.mark.parametrize(("isa", "heads"), ATTENTION, ids=lambda value: getattr(value, "name", str(value)))


@pytest.mark.slow
@BY_HEADS
def test_decode_with_other_heads(isa, heads):
    count, kv_heads, dim = heads
    length = 37
    q, k, v = problem(count, kv_heads, dim, length, "float16")
    pages, table = paged(k, v, "float16", isa)
    call = kernel(decode_attention, isa, count, kv_heads, dim, "float16", None)
    out, lse = np.zeros((1, count, dim), np.float16), np.zeros((1, count), np.float32)
    place = (ints(0, len(table)), table, ints((length - 1) % PAGE + 1), ints(0), ints(length - 1))
    got = call(q[:1], pages, *place, out, lse, 0, 1.0, 1e4, SCALE)
    want, want_lse = softmax_attention(q[:1], k, v, ints(length - 1), np.arange(length), None)
    assert rel_error(got[-2], want) < 1e-3
    assert np.abs(got[-1] - want_lse).max() < 1e-3


@pytest.mark.slow
@BY_HEADS
def test_prefill_with_other_heads(isa, heads):
    count, kv_heads, dim = heads
    history, new = 33, 13
    q, k, v = problem(count, kv_heads, dim, history + new, "float32")
    positions = np.arange(history + new, dtype=np.int32)
    pages, table = paged(k[:history], v[:history], "float32", isa)
    last_len = ints((history - 1) % PAGE + 1)
    among = (ints(0, new), k[history:], v[history:], ints(0, new), positions[history:], ints(history))
    before = (ints(0, new), pages, ints(0, len(table)), table, last_len, ints(0), positions[history:])
    parts = []
    for maker, args in ((ragged_attention, among), (paged_attention, before)):
        call = kernel(maker, isa, count, kv_heads, dim, "float32", None)
        out, lse = np.zeros_like(q[history:]), np.zeros((new, count), np.float32)
        parts += call(q[history:], *args, out, lse, 0, 0, 1.0, 1e4, SCALE)[-2:]
    merged = kernel(merge_states, isa, dim, "float32")(*parts)
    want, _ = softmax_attention(q[history:], k, v, positions[history:], positions, None)
    assert rel_error(merged[0], want) < 1e-5
