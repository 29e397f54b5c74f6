"""Block-sparse attention on OpenCL against masked softmax attention in numpy, past what near blocks hold."""

from __future__ import annotations

import numpy as np
import pytest

from lab.compile.gpu.kernels.attention_decode import decode_attention
from lab.compile.gpu.kernels.attention_merge import merge_states
from lab.compile.gpu.kernels.attention_prefill import paged_attention, ragged_attention
from lab.compile.tir.sizes import PAGE
from tests.compile.building import rel_error
from tests.compile.gpu.families import CPU_LIKE, STAGED, UNSTAGED
from tests.compile.gpu.opencl import kernel
from tests.compile.gpu.test_attention import paged
from tests.compile.test_attention import SCALE, ints, problem
from tests.compile.test_sparse_attention import PATTERNS, PHI, masked_attention

GEOMETRY = (8, 2, 32)
CASES = [
    (CPU_LIKE, PATTERNS[0]),
    pytest.param(STAGED, PATTERNS[2], marks=pytest.mark.slow),
    pytest.param(UNSTAGED, PATTERNS[1], marks=pytest.mark.slow),
]


def case_id(value):
    return value.name if hasattr(value, "name") else f"{value.block}-{value.local}-{value.stride}"


def decode(gpu, geometry, pattern, length, scale, spoilt=False):
    """Return what the kernel and the reference say of the last of `length` tokens."""
    heads, kv_heads, dim = geometry
    q, k, v = problem(heads, kv_heads, dim, length, "float32")
    want = masked_attention(q[-1:], k, v, length - 1, pattern if scale < 0 else None)
    if spoilt:  # what no head of a group keeps must not be read
        kept = pattern.visible(length, heads)[:, -1].reshape(kv_heads, -1, length).any(axis=1).T
        k[~kept], v[~kept] = np.nan, np.nan
    pages, table = paged(k, v, gpu)
    call = kernel(decode_attention, gpu, heads, kv_heads, dim, "float32", None, pattern)
    out, lse = np.zeros((1, heads, dim), np.float32), np.zeros((1, heads), np.float32)
    where = (ints(0, len(table)), table, ints((length - 1) % PAGE + 1), ints(0), ints(length - 1))
    return call(q[-1:], pages, *where, out, lse, 0, 1.0, 1e4, scale)[-2:], want


def prefill(gpu, geometry, pattern, history, new, scale):
    """Return the chunk among itself and over its history, merged, and what the reference says."""
    heads, kv_heads, dim = geometry
    q, k, v = problem(heads, kv_heads, dim, history + new, "float32")
    positions = np.arange(history, history + new, dtype=np.int32)
    kinds = [(ragged_attention, (ints(0, new), k[history:], v[history:], ints(0, new), positions, ints(history)))]
    if history:
        pages, table = paged(k[:history], v[:history], gpu)
        last_len = ints((history - 1) % PAGE + 1)
        kinds.append((paged_attention, (ints(0, new), pages, ints(0, len(table)), table, last_len, ints(0), positions)))
    parts = []
    for maker, where in kinds:
        call = kernel(maker, gpu, heads, kv_heads, dim, "float32", None, pattern)
        blank = (np.zeros((new, heads, dim), np.float32), np.zeros((new, heads), np.float32))
        parts += call(q[history:], *where, *blank, 0, 0, 1.0, 1e4, scale)[-2:]
    if history:
        parts = kernel(merge_states, gpu, dim, "float32")(*parts)[:2]
    return parts, masked_attention(q[history:], k, v, history, pattern if scale < 0 else None)


def agree(got, want):
    assert rel_error(got[0], want[0]) < 1e-5
    assert np.abs(got[1] - want[1]).max() < 1e-4


@pytest.mark.parametrize(("gpu", "pattern"), CASES, ids=case_id)
@pytest.mark.parametrize("length", [1, 49, 577])
def test_decode_reads_what_the_pattern_keeps(gpu, pattern, length):
    agree(*decode(gpu, GEOMETRY, pattern, length, -SCALE, spoilt=True))


@pytest.mark.parametrize(("gpu", "pattern"), CASES, ids=case_id)
@pytest.mark.parametrize(("history", "new"), [(0, 200), (33, 170), (300, 21)])
def test_prefill_skips_what_the_pattern_leaves_out(gpu, pattern, history, new):
    agree(*prefill(gpu, GEOMETRY, pattern, history, new, -SCALE))


@pytest.mark.parametrize("scale", [SCALE, -SCALE], ids=["dense", "sparse"])
def test_the_pattern_of_phi_3_small_beyond_1024_tokens(scale):
    agree(*decode(CPU_LIKE, (8, 2, 32), PHI, 2100, scale))
    agree(*prefill(CPU_LIKE, (8, 2, 32), PHI, 1111, 300, scale))
    agree(*prefill(CPU_LIKE, (8, 2, 32), PHI, 0, 1300, scale))
