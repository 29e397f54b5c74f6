"""Queries, keys and values near and past what float16 holds: clamped, never infinite; queries scaled before."""

from __future__ import annotations

import numpy as np
import pytest

from lab.compile.cpu.kernels.linear import quantised_linear
from lab.compile.cpu.kernels.linear_row import row_linear
from lab.compile.cpu.kernels.rope import split_rotary
from lab.models.quant import SCHEMES
from tests.compile.building import ATTENTION, NATIVE, RUNNABLE, kernel, rel_error
from tests.compile.network import Compiled, Reference, config, random_weights, some_ids, stored
from tests.compile.test_two_terms import QKV, product, weights


@pytest.mark.parametrize("isa", RUNNABLE, ids=lambda isa: isa.name)
@pytest.mark.parametrize("rows", [1, 13])
def test_results_are_clamped_and_scaled_before_they_are_rounded(isa, rows):
    w, packed = weights(4, 64, 48)
    x = np.random.default_rng(0).standard_normal((rows, 64)).astype(np.float32) * np.float32(1e4)
    k, n, tile = 64, 48, {"out_dtype": "float16", "scaled": (32, 0.125)}
    acts, _ = product(isa, 4, rows, k, n, x, packed)
    if rows == 1:
        call = kernel(row_linear, isa, 4, k, n, residual=False, **tile)
    else:
        call = kernel(quantised_linear, isa, 4, k, n, isa.tile_rows, residual=False, terms=2, **tile)
    got = call(*acts, *packed, np.zeros((rows, n), np.float16))[-1]
    want = x @ w.T
    want[:, :32] /= 8
    assert np.abs(want).max() > 65504 > np.abs(want[:, :32]).max()
    assert rel_error(got, np.clip(want, -65504, 65504)) < 1e-3


@pytest.mark.parametrize("isa", ATTENTION, ids=lambda isa: isa.name)
def test_a_rotation_past_float16_is_clamped(isa):
    dim = 32
    qkv = np.full((1, 3, dim), 60000, np.float16)
    table = np.concatenate([np.full(16, 0.7), np.full(16, -0.7)]).astype(np.float32)[None]
    out = [np.zeros((1, 1, dim), np.float16) for _ in range(3)]
    q, k, v = kernel(split_rotary, isa, 1, 1, dim, "float16")(qkv, np.zeros(1, np.int32), *out, table)[2:5]
    np.testing.assert_array_equal(q[0, 0, :16], np.float16(65504))
    np.testing.assert_array_equal(k, q)
    np.testing.assert_array_equal(v, qkv[:, 2:])


def compiled(scheme, query, key, value):
    cfg, made = config(), random_weights(config())
    made[QKV] = made[QKV] * np.repeat([query, key, value], cfg.hidden_size)[:, None].astype(np.float32)
    return Compiled(cfg, SCHEMES[scheme], NATIVE[0], made), Reference(cfg, stored(made, SCHEMES[scheme]))


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["q4", "f16"])
@pytest.mark.parametrize(("query", "key"), [(3e4, 3e-5), (1e-4, 1e4)])
def test_large_queries_with_small_keys_and_the_reverse(scheme, query, key):
    lab, reference = compiled(scheme, query, key, 1)
    ids = some_ids(24, 320)
    lab.start(24)
    steps = [lab.feed(ids[:20]), *(lab.feed(ids[i : i + 1]) for i in range(20, 24))]
    limit = SCHEMES[scheme].rel_error_max(2)
    assert max(rel_error(a, b) for a, b in zip(steps, reference.logits(ids)[19:], strict=True)) < limit


@pytest.mark.slow
@pytest.mark.parametrize(("key", "value"), [(1e5, 1), (1, 1e5)])
def test_a_cache_that_overflows_gives_numbers(key, value):
    lab, _ = compiled("f16", 1e-4 if key > 1 else 1, key, value)
    ids = some_ids(21, 320)
    lab.start(21)
    assert np.isfinite(lab.feed(ids[:20])).all()
    assert np.isfinite(lab.feed(ids[20:])).all()
