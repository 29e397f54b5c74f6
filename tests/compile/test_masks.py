"""The mask is a state: keys out of sight weigh nothing and keys in sight count, however low all scores are."""

from __future__ import annotations

import numpy as np
import pytest

from lab.compile.cpu.kernels.attention_decode import decode_attention
from lab.compile.cpu.kernels.attention_merge import merge_states
from lab.compile.cpu.kernels.attention_prefill import paged_attention, ragged_attention
from lab.compile.tir.sizes import PAGE
from tests.compile.building import ATTENTION, kernel
from tests.compile.test_attention import SCALE, ints, paged

BY_ISA = pytest.mark.parametrize("isa", ATTENTION, ids=lambda isa: isa.name)
BY_WINDOW = pytest.mark.parametrize("window", [None, 5])
BY_SCORE = pytest.mark.parametrize("score", [-1e3, -2e4, -1e5, -1e30, 1e5])
HEADS, DIM = 2, 32


def alike(length, score, dtype="float32"):
    """Keys that are all the same, so that every score is `score` and attention is the mean of the values in sight."""
    element = np.sqrt(abs(score) / SCALE / DIM)
    q, k = np.full((length, HEADS, DIM), element), np.full((length, HEADS, DIM), np.copysign(element, score))
    v = 1 + np.random.default_rng(5).random((length, HEADS, DIM))
    return [x.astype(dtype) for x in (q, k, v)]


def means(v, window):
    """Return the mean of each row's values in sight [length, heads, dim]."""
    first = [max(0, i + 1 - (window or len(v))) for i in range(len(v))]
    return np.stack([v[first[i] : i + 1].astype(float).mean(0) for i in range(len(v))])


def ragged(call, length, score):
    q, k, v = alike(length, score)
    positions, out, lse = np.arange(length, dtype=np.int32), np.zeros_like(q), np.zeros((length, HEADS), np.float32)
    return call(q, ints(0, length), k, v, ints(0, length), positions, ints(0), out, lse, 1, 0, 1.0, 1e4, SCALE)[-2], v


def decoded(call, pages, table, length, q, dtype):
    out, lse = np.zeros((1, HEADS, DIM), dtype), np.zeros((1, HEADS), np.float32)
    place = (ints(0, len(table)), table, ints((length - 1) % PAGE + 1), ints(0), ints(length - 1))
    return call(q, pages, *place, out, lse, 0, 1.0, 1e4, SCALE)[-2]


def merged(calls, paged_by, history, new, score):
    """Attention of a chunk after a history: `calls` are the ragged, the paged and the merging kernel."""
    q, k, v = alike(history + new, score)
    positions = np.arange(history + new, dtype=np.int32)
    pages, table = paged_by(k[:history], v[:history])
    last_len = ints((history - 1) % PAGE + 1)
    among = (ints(0, new), k[history:], v[history:], ints(0, new), positions[history:], ints(history))
    before = (ints(0, new), pages, ints(0, len(table)), table, last_len, ints(0), positions[history:])
    parts = []
    for call, args in zip(calls[:2], (among, before), strict=True):
        out, lse = np.zeros_like(q[history:]), np.zeros((new, HEADS), np.float32)
        parts += call(q[history:], *args, out, lse, 0, 0, 1.0, 1e4, SCALE)[-2:]
    return calls[2](*parts)[0], v


@BY_ISA
@BY_WINDOW
@BY_SCORE
def test_prefill(isa, window, score):
    got, v = ragged(kernel(ragged_attention, isa, HEADS, HEADS, DIM, "float32", window), 40, score)
    np.testing.assert_allclose(got, means(v, window), rtol=1e-5)


@BY_ISA
@BY_WINDOW
@pytest.mark.parametrize(("dtype", "score"), [("float32", -1e30), ("float16", -1e5), ("float16", -2e4)])
def test_decode(isa, window, dtype, score):
    q, k, v = alike(37, score, dtype)
    pages, table = paged(k, v, dtype, isa)
    got = decoded(kernel(decode_attention, isa, HEADS, HEADS, DIM, dtype, window), pages, table, 37, q[-1:], dtype)
    np.testing.assert_allclose(got[0], means(v, window)[-1], rtol=2e-3 if dtype == "float16" else 1e-5)


# The two sums meet as logarithms in float32, which at -2e4 are 2e-3 apart. A window of 5 leaves most rows no history.
@BY_ISA
@BY_WINDOW
@pytest.mark.parametrize("score", [-1e3, -2e4])
def test_a_chunk_after_a_history(isa, window, score):
    calls = [kernel(maker, isa, HEADS, HEADS, DIM, "float32", window) for maker in (ragged_attention, paged_attention)]
    calls.append(kernel(merge_states, isa, DIM, "float32"))
    got, v = merged(calls, lambda k, v: paged(k, v, "float32", isa), 33, 13, score)
    np.testing.assert_allclose(got, means(v, window)[33:], rtol=1e-3)


@BY_ISA
def test_rows_without_history_take_nothing_of_it_at_any_score(isa):
    calls = [kernel(maker, isa, HEADS, HEADS, DIM, "float32", 5) for maker in (ragged_attention, paged_attention)]
    calls.append(kernel(merge_states, isa, DIM, "float32"))
    got, v = merged(calls, lambda k, v: paged(k, v, "float32", isa), 33, 13, -1e30)
    np.testing.assert_allclose(got[4:], means(v, 5)[37:], rtol=1e-5)
