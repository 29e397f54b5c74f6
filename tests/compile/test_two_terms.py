"""Activations of two bytes a value: what one row takes for every product, and queries and keys of many rows."""

from __future__ import annotations

import numpy as np
import pytest

from lab.compile.cpu.kernels.encode import copied, encoded
from lab.compile.cpu.kernels.encoding import encoding_for
from lab.compile.cpu.kernels.linear import quantised_linear
from lab.compile.cpu.kernels.linear_row import row_linear
from lab.models.layouts.n16k4 import N16K4
from lab.models.quant import SCHEMES, dequantise, quantise
from tests.compile.assembly import asks_for_memory, assembly
from tests.compile.building import NATIVE, RUNNABLE, kernel, rel_error
from tests.compile.network import Compiled, Reference, config, random_weights, some_ids, stored
from tests.compile.test_linear import normal, outputs, values_of

BY_ISA = pytest.mark.parametrize("isa", RUNNABLE, ids=lambda isa: isa.name)
QKV, DOWN = "model.layers.0.self_attn.qkv_proj.weight", "model.layers.1.mlp.down_proj.weight"


def product(isa, bits, rows, k, n, x, packed, **options):
    encoding = encoding_for(isa, bits, one_row=rows == 1, terms=2)
    acts = kernel(encoded, isa, encoding, k, k, copied, "float32")(x, *outputs(encoding, rows, k))[1:]
    tile = {"residual": False, "out_dtype": "float32", **options}
    if rows == 1:
        linear = kernel(row_linear, isa, bits, k, n, **tile)
    else:
        linear = kernel(quantised_linear, isa, bits, k, n, encoding.tile_rows, terms=2, **tile)
    return acts, linear(*acts, *packed, np.zeros((rows, n), np.float32))[-1]


def weights(bits, k, n):
    q, scale = quantise(normal(n, k), SCHEMES[f"q{bits}"])
    return dequantise(q, scale).astype(np.float64), (N16K4.pack_q(q, bits), N16K4.pack_scale(scale))


@BY_ISA
@pytest.mark.parametrize("rows", [1, 13])
@pytest.mark.parametrize("bits", [4, 8])
def test_a_product_is_as_good_as_with_16_bits(isa, bits, rows):
    k, n = 96, 48
    x = normal(rows, k) * np.float32(1000)
    x[0, :32] = 0
    w, packed = weights(bits, k, n)
    acts, got = product(isa, bits, rows, k, n, x, packed)
    assert rel_error(got, x @ w.T) < 1e-4
    encoding = encoding_for(isa, bits, one_row=rows == 1, terms=2)
    assert np.abs(values_of(acts, encoding, rows, k) - x).max() <= np.abs(x).max() / 127 / 254 * 0.51


@BY_ISA
def test_only_the_fine_rows_take_the_second_term(isa):
    k, n, fine = 64, 96, 48
    x, (w, packed) = normal(13, k), weights(4, k, n)
    _, got = product(isa, 4, 13, k, n, x, packed, fine_rows=fine)
    want = x @ w.T
    assert rel_error(got[:, :fine], want[:, :fine]) < 1e-4
    assert 1e-3 < rel_error(got[:, fine:], want[:, fine:]) < 1e-2


@pytest.mark.parametrize("isa", NATIVE, ids=lambda isa: isa.name)
@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("sign", [1, -1])
def test_one_row_of_largest_values_overflows_nothing(isa, bits, sign):
    """Sums of 16 bits hold a group of the largest nibbles and bytes, and integers the joined terms."""
    k, n, top = 64, 16, 7 if bits == 4 else 127
    q, scale = np.full((n, k), top, np.int8), np.ones((n, k // 32), np.float16)
    q[1::2] = -top - (bits == 4)
    x = np.full((1, k), sign * 1000, np.float32)
    x[:, 1::2] *= np.float32(127.49 / 127)  # the first term rounds down, and the second is as large as can be
    packed = N16K4.pack_q(q, bits), N16K4.pack_scale(scale)
    _, got = product(isa, bits, 1, k, n, x, packed)
    np.testing.assert_allclose(got, x @ q.T.astype(np.float32), rtol=1e-5)


@pytest.mark.parametrize("isa", NATIVE, ids=lambda isa: isa.name)
@pytest.mark.parametrize("bits", [4, 8])
def test_one_row_adds_the_residual_and_scales_the_first_rows(isa, bits):
    k, n = 96, 48
    x, (_, packed) = normal(1, k), weights(bits, k, n)
    acts, want = product(isa, bits, 1, k, n, x, packed)
    before = normal(1, n)
    call = kernel(row_linear, isa, bits, k, n, residual=True, out_dtype="float32")
    np.testing.assert_allclose(call(*acts, *packed, before, np.zeros((1, n), np.float32))[-1], want + before, rtol=1e-5)
    _, scaled = product(isa, bits, 1, k, n, x, packed, scaled=(16, 0.25))
    np.testing.assert_allclose(scaled[:, :16], want[:, :16] / 4, rtol=1e-6)
    np.testing.assert_array_equal(scaled[:, 16:], want[:, 16:])


@pytest.mark.parametrize("size", [0.0, 1e-45, 1e-38, 1e-30, 1e30])
def test_groups_of_any_size_stay_finite(size):
    x = np.full((1, 32), size, np.float32)
    w, packed = weights(4, 32, 16)
    _, got = product(NATIVE[0], 4, 1, 32, 16, x, packed)
    np.testing.assert_allclose(got, x @ w.T, rtol=1e-4, atol=1e-34)


@pytest.mark.parametrize("isa", RUNNABLE, ids=lambda isa: isa.name)
@pytest.mark.parametrize("bits", [4, 8])
def test_not_a_number_stays_one(isa, bits):
    """The check before timing looks for it: a group whose greatest value left it out would hide it."""
    k, n = 96, 48
    x, (_, packed) = normal(1, k), weights(bits, k, n)
    x[0, 40] = np.nan
    _, got = product(isa, bits, 1, k, n, x, packed)
    assert np.isnan(got).all()


@pytest.mark.parametrize("isa", RUNNABLE, ids=lambda isa: isa.name)
def test_no_memory_is_asked_of_the_runtime(isa):
    for one_row in (True, False) if isa.float_sums == "registers" else (True,):
        encoding = encoding_for(isa, 4, one_row=one_row, terms=2)
        tile = {"residual": False, "out_dtype": "float16", "terms": 2, "fine_rows": None if one_row else 32}
        made = (
            encoded(encoding, 256, 256, copied, "float16"),
            quantised_linear(isa, 4, 256, 64, encoding.tile_rows, **tile),
            row_linear(isa, 4, 256, 64, residual=True, out_dtype="float32"),
            row_linear(isa, 8, 256, 64, residual=False, out_dtype="float16"),
        )
        for kernel_made in made:
            assert not any(map(asks_for_memory, assembly(kernel_made, isa)))


def sharp(weights, cfg):
    """Scores a hundred times as large: softmax takes one key of all."""
    weights[QKV] = weights[QKV].copy()
    weights[QKV][: 2 * cfg.hidden_size] *= 10
    return weights


def outliers(weights, _):
    """200 weights of a layer's last product are 10 000 times as large as the rest."""
    weights[DOWN] = weights[DOWN].copy()
    weights[DOWN].reshape(-1)[np.random.default_rng(3).integers(0, weights[DOWN].size, 200)] = 1e4
    return weights


ODD = {"hidden_size": 288, "num_attention_heads": 3, "num_key_value_heads": 1, "intermediate_size": 352}
NETWORKS = {"sharp": ({}, sharp), "outliers": ({}, outliers), "odd": ({**ODD, "sliding_window": 19}, lambda w, _: w)}


# The worst of 21 steps. One-byte activations gave 0.48, 0.086 and 0.055; a scheme's limit is 0.05. What is
# left of "sharp" is float16's: its keys hold a score of 500 to a tenth.
@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "scheme_name", "most"), [("sharp", "q8", 0.12), ("outliers", "q4", 0.05), ("odd", "q8", 0.04)]
)
def test_decode_after_a_prefill(name, scheme_name, most):
    changes, spoil = NETWORKS[name]
    cfg, scheme = config(**changes), SCHEMES[scheme_name]
    made = spoil(random_weights(cfg), cfg)
    compiled, reference = Compiled(cfg, scheme, NATIVE[0], made), Reference(cfg, stored(made, scheme))
    ids = some_ids(40, cfg.vocab_size)
    want = reference.logits(ids)
    compiled.start(len(ids))
    steps = [compiled.feed(ids[:20]), *(compiled.feed(ids[i : i + 1]) for i in range(20, 40))]
    errors = [rel_error(got, one) for got, one in zip(steps, want[19:], strict=True)]
    assert max(errors) < most
