"""Attention kernels against plain softmax attention in numpy, for every ISA record that is run."""

from __future__ import annotations

import numpy as np
import pytest

from lab.compile.cpu.kernels.attention_decode import decode_attention
from lab.compile.cpu.kernels.attention_merge import merge_states
from lab.compile.cpu.kernels.attention_prefill import paged_attention, ragged_attention
from lab.compile.cpu.kernels.kv_pages import append_pages
from lab.compile.tir.sizes import PAGE
from tests.compile.building import ATTENTION, kernel, rel_error

SCALE = 0.2
GEOMETRIES = [(4, 4, 32), (8, 2, 96), (4, 1, 128)]
WINDOWS = [None, 21]
ISA_IDS = [isa.name for isa in ATTENTION]


def softmax_attention(q, k, v, q_positions, k_positions, window):
    """q [n, H, D], k/v [m, KV, D] -> out [n, H, D], log2 of the sum of exponentials [n, H]."""
    group = q.shape[1] // k.shape[1]
    k, v = np.repeat(k, group, axis=1).astype(float), np.repeat(v, group, axis=1).astype(float)
    scores = np.einsum("nhd,mhd->hnm", q.astype(float), k) * SCALE
    distance = q_positions[:, None] - k_positions[None, :]
    seen = (distance >= 0) & (distance < (window or 10**9))
    scores = np.where(seen[None], scores, -np.inf)
    top = scores.max(-1, keepdims=True)
    weights = np.exp(scores - top)
    total = weights.sum(-1, keepdims=True)
    out = np.einsum("hnm,mhd->nhd", weights / total, v)
    return out, (np.log2(total) + top * np.log2(np.e))[..., 0].T


def paged(k, v, dtype, isa, spare=3):
    """Store keys and values by the append kernel into pages in shuffled order; return pages and page table."""
    length, kv_heads, dim = k.shape
    used = -(-length // PAGE)
    table = np.random.default_rng(1).permutation(used + spare)[:used].astype(np.int32)
    slots = (table[np.arange(length) // PAGE] * PAGE + np.arange(length) % PAGE).astype(np.int32)
    pages = np.full((used + spare, 2, kv_heads, PAGE, dim), np.nan, dtype)
    call = kernel(append_pages, isa, kv_heads, dim, dtype)
    return call(pages, k, v, slots)[0], table


def problem(heads, kv_heads, dim, length, dtype, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal((length, h, dim)).astype(dtype) for h in (heads, kv_heads, kv_heads)]


def ints(*values):
    return np.array(values, np.int32)


@pytest.mark.parametrize("isa", ATTENTION, ids=ISA_IDS)
@pytest.mark.parametrize("geometry", GEOMETRIES)
@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("length", [1, 15, 16, 17, 70])
def test_decode_reads_pages(isa, geometry, window, length):
    heads, kv_heads, dim = geometry
    q, k, v = problem(heads, kv_heads, dim, length, "float16")
    q = q[:1]
    pages, table = paged(k, v, "float16", isa)
    call = kernel(decode_attention, isa, heads, kv_heads, dim, "float16", window)
    out, lse = np.zeros((1, heads, dim), np.float16), np.zeros((1, heads), np.float32)
    last_len = ints((length - 1) % PAGE + 1)
    got = call(
        q,
        pages,
        ints(0, len(table)),
        table,
        last_len,
        ints(0),
        ints(length - 1),
        out,
        lse,
        0,
        1.0,
        1e4,
        SCALE,
    )
    want, want_lse = softmax_attention(q, k, v, ints(length - 1), np.arange(length), window)
    assert rel_error(got[-2], want) < 1e-3
    assert np.abs(got[-1] - want_lse).max() < 1e-4


@pytest.mark.parametrize("isa", ATTENTION, ids=ISA_IDS)
@pytest.mark.parametrize("geometry", GEOMETRIES)
@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("length", [1, 11, 12, 13, 70])
def test_ragged_prefill(isa, geometry, window, length):
    heads, kv_heads, dim = geometry
    q, k, v = problem(heads, kv_heads, dim, length, "float32")
    call = kernel(ragged_attention, isa, heads, kv_heads, dim, "float32", window)
    out, lse = np.zeros_like(q), np.zeros((length, heads), np.float32)
    positions = np.arange(length, dtype=np.int32) + 5
    got = call(q, ints(0, length), k, v, ints(0, length), positions, ints(5), out, lse, 1, 0, 1.0, 1e4, SCALE)
    want, want_lse = softmax_attention(q, k, v, positions, positions, window)
    assert rel_error(got[-2], want) < 1e-5
    assert np.abs(got[-1] - want_lse).max() < 1e-4


@pytest.mark.parametrize("isa", ATTENTION, ids=ISA_IDS)
@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize(("history", "new"), [(16, 5), (33, 40), (70, 13)])
def test_history_and_chunk_merge_to_the_whole(isa, window, history, new):
    heads, kv_heads, dim = 8, 2, 96
    q, k, v = problem(heads, kv_heads, dim, history + new, "float32")
    positions = np.arange(history + new, dtype=np.int32)
    pages, table = paged(k[:history], v[:history], "float32", isa)
    fresh = q[history:]
    parts = []
    for kind in ("ragged", "paged"):
        out, lse = np.zeros_like(fresh), np.zeros((new, heads), np.float32)
        if kind == "ragged":
            call = kernel(ragged_attention, isa, heads, kv_heads, dim, "float32", window)
            args = (ints(0, new), k[history:], v[history:], ints(0, new), positions[history:], ints(history))
        else:
            call = kernel(paged_attention, isa, heads, kv_heads, dim, "float32", window)
            last_len = ints((history - 1) % PAGE + 1)
            args = (ints(0, new), pages, ints(0, len(table)), table, last_len, ints(0), positions[history:])
        parts += call(fresh, *args, out, lse, 0, 0, 1.0, 1e4, SCALE)[-2:]
    merged = kernel(merge_states, isa, dim, "float32")(*parts)
    want, want_lse = softmax_attention(fresh, k, v, positions[history:], positions, window)
    assert rel_error(merged[0], want) < 1e-5
    assert np.abs(merged[1] - want_lse).max() < 1e-4
