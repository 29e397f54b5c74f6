"""Attention of a block-sparse pattern against masked softmax attention in numpy, for every ISA record that is run."""

from __future__ import annotations

import numpy as np
import pytest

from lab.compile.cpu.kernels.attention_decode import decode_attention
from lab.compile.cpu.kernels.attention_merge import merge_states
from lab.compile.cpu.kernels.attention_prefill import paged_attention, ragged_attention
from lab.compile.tir.sizes import PAGE
from lab.models.sparse import SparsePattern
from tests.compile.building import ATTENTION, NATIVE, kernel, rel_error
from tests.compile.test_attention import SCALE, ints, paged, problem

GEOMETRY = (8, 2, 32)
# Four heads of a group with an offset each; two offsets for four heads; one for all, and two pages a block.
PATTERNS = [SparsePattern(16, 2, 8, 1), SparsePattern(16, 3, 2, 1), SparsePattern(32, 1, 5, 0)]
PHI = SparsePattern(64, 16, 8, 1)
# Every pattern on one record, one pattern on every record: what a pattern changes is no matter of instructions.
CASES = [
    *((NATIVE[0], pattern) for pattern in PATTERNS),
    *(pytest.param(isa, PATTERNS[0], marks=pytest.mark.slow) for isa in ATTENTION[1:]),
]


def case_id(value):
    return getattr(value, "name", None) or f"{value.block}-{value.local}-{value.stride}"


def masked_attention(q, k, v, first, pattern):
    """Attention of queries at `first` and following: out [n, H, D], log2 of the sum of exponentials [n, H]."""
    heads = q.shape[1]
    k, v = (np.repeat(x, heads // k.shape[1], axis=1).astype(float) for x in (k, v))
    seen = np.broadcast_to(np.tri(len(k), dtype=bool), (heads, len(k), len(k)))
    seen = (seen if pattern is None else pattern.visible(len(k), heads))[:, first : first + len(q)]
    scores = np.where(seen, np.einsum("nhd,mhd->hnm", q.astype(float), k) * SCALE, -np.inf)
    top = scores.max(-1, keepdims=True)
    weights = np.exp(scores - top)
    total = weights.sum(-1, keepdims=True)
    return np.einsum("hnm,mhd->nhd", weights / total, v), (np.log2(total) + top * np.log2(np.e))[..., 0].T


def decode(isa, geometry, pattern, length, scale, dtype="float16"):
    """Return what the kernel and the reference say of the last of `length` tokens."""
    heads, kv_heads, dim = geometry
    q, k, v = problem(heads, kv_heads, dim, length, dtype)
    pages, table = paged(k, v, dtype, isa)
    call = kernel(decode_attention, isa, heads, kv_heads, dim, dtype, None, pattern)
    out, lse = np.zeros((1, heads, dim), dtype), np.zeros((1, heads), np.float32)
    where = (ints(0, len(table)), table, ints((length - 1) % PAGE + 1), ints(0), ints(length - 1))
    got = call(q[-1:], pages, *where, out, lse, 0, 1.0, 1e4, scale)[-2:]
    return got, masked_attention(q[-1:], k, v, length - 1, pattern if scale < 0 else None)


@pytest.mark.parametrize(("isa", "pattern"), CASES, ids=case_id)
@pytest.mark.parametrize("length", [1, 48, 49, 577])
def test_decode_reads_what_the_pattern_keeps(isa, pattern, length):
    (out, lse), (want, want_lse) = decode(isa, GEOMETRY, pattern, length, -SCALE)
    assert rel_error(out, want) < 1e-3
    assert np.abs(lse - want_lse).max() < 1e-4


@pytest.mark.parametrize("length", [1024, 1025, 2100])
@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_decode_with_the_pattern_of_phi_3_small(dtype, length):
    (out, lse), (want, want_lse) = decode(NATIVE[0], (32, 8, 32), PHI, length, -SCALE, dtype)
    assert rel_error(out, want) < (1e-3 if dtype == "float16" else 1e-5)
    assert np.abs(lse - want_lse).max() < 1e-4


@pytest.mark.parametrize("length", [40, 200])
def test_a_positive_scale_is_a_dense_layer(length):
    (out, lse), (want, want_lse) = decode(NATIVE[0], GEOMETRY, PATTERNS[0], length, SCALE)
    assert rel_error(out, want) < 1e-3
    assert np.abs(lse - want_lse).max() < 1e-4


def test_decode_does_not_touch_the_blocks_that_are_not_kept():
    heads, kv_heads, dim = GEOMETRY
    pattern, length = PATTERNS[0], 577
    q, k, v = problem(heads, kv_heads, dim, length, "float32")
    kept = pattern.visible(length, heads)[:, -1].reshape(kv_heads, -1, length).any(axis=1)
    assert not kept.all()
    k[~kept.T], v[~kept.T] = np.nan, np.nan
    isa = NATIVE[0]
    pages, table = paged(k, v, "float32", isa)
    call = kernel(decode_attention, isa, heads, kv_heads, dim, "float32", None, pattern)
    out, lse = np.zeros((1, heads, dim), np.float32), np.zeros((1, heads), np.float32)
    where = (ints(0, len(table)), table, ints((length - 1) % PAGE + 1), ints(0), ints(length - 1))
    assert np.isfinite(call(q[-1:], pages, *where, out, lse, 0, 1.0, 1e4, -SCALE)[-2]).all()


def prefill(isa, geometry, pattern, history, new, scale):
    """Return the chunk among itself and over its history, merged."""
    heads, kv_heads, dim = geometry
    q, k, v = problem(heads, kv_heads, dim, history + new, "float32")
    positions = np.arange(history, history + new, dtype=np.int32)
    tail = (0, 0, 1.0, 1e4, scale)

    def blank():
        return np.zeros((new, heads, dim), np.float32), np.zeros((new, heads), np.float32)

    call = kernel(ragged_attention, isa, heads, kv_heads, dim, "float32", None, pattern)
    fresh = (ints(0, new), k[history:], v[history:], ints(0, new), positions, ints(history))
    parts = call(q[history:], *fresh, *blank(), *tail)[-2:]
    if history:
        pages, table = paged(k[:history], v[:history], "float32", isa)
        call = kernel(paged_attention, isa, heads, kv_heads, dim, "float32", None, pattern)
        where = (ints(0, new), pages, ints(0, len(table)), table, ints((history - 1) % PAGE + 1), ints(0), positions)
        parts += call(q[history:], *where, *blank(), *tail)[-2:]
        parts = kernel(merge_states, isa, dim, "float32")(*parts)[:2]
    return parts, masked_attention(q[history:], k, v, history, pattern if scale < 0 else None)


@pytest.mark.parametrize(("isa", "pattern"), CASES, ids=case_id)
@pytest.mark.parametrize(("history", "new"), [(0, 200), (16, 150), (33, 170), (70, 5), (300, 21)])
def test_prefill_skips_what_the_pattern_leaves_out(isa, pattern, history, new):
    (out, lse), (want, want_lse) = prefill(isa, GEOMETRY, pattern, history, new, -SCALE)
    assert rel_error(out, want) < 1e-5
    assert np.abs(lse - want_lse).max() < 1e-4


@pytest.mark.slow
@pytest.mark.parametrize(("history", "new"), [(0, 1300), (1111, 300)])
@pytest.mark.parametrize("scale", [SCALE, -SCALE])
def test_prefill_with_the_pattern_of_phi_3_small(history, new, scale):
    (out, lse), (want, want_lse) = prefill(NATIVE[0], (8, 2, 32), PHI, history, new, scale)
    assert rel_error(out, want) < 1e-5
    assert np.abs(lse - want_lse).max() < 1e-4
