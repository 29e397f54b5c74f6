"""The block-sparse pattern: its closed forms against a loop over the definition, one query and key at a time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.core.errors import ModelError
from lab.models.sparse import SparsePattern

PATTERNS = st.builds(SparsePattern, st.integers(1, 5), st.integers(1, 4), st.integers(1, 9), st.integers(0, 3))


def seen(pattern, head, query, key):
    """Whether a query sees a key, as published: causal, and near or in a column of the head."""
    q, k = query // pattern.block, key // pattern.block
    return key <= query and (q - k < pattern.local or (k + head * pattern.head_step + 1) % pattern.stride == 0)


def test_phi_3_small_in_numbers_worked_out_by_hand():
    pattern = SparsePattern(block=64, local=16, stride=8, head_step=1)
    # The first head keeps blocks 7, 15, 23, ..., the last of a period 0, 8, 16, ...
    assert [pattern.first(head) for head in (0, 1, 7, 8, 31)] == [7, 6, 0, 7, 0]
    # At 8192 tokens, 112 of 128 blocks are far: a head keeps 14, four neighbours of 8 offsets keep half of them.
    assert pattern.tokens_seen(8191, 32) == (16 + 14) * 64
    assert pattern.tokens_read(8191, 32, 8) == (16 + 56) * 64
    # As long as 16 blocks suffice, it is dense.
    assert pattern.visible(1024, 1).sum() == 1024 * 1025 // 2
    assert pattern.visible(1025, 1)[0, 1024].sum() == 1025 - 64


@settings(max_examples=60, deadline=None)
@given(PATTERNS, st.integers(1, 50), st.sampled_from([(1, 1), (4, 1), (4, 2), (6, 3)]))
def test_the_mask_and_the_counts_are_the_definition(pattern, length, shape):
    heads, kv_heads = shape
    mask = pattern.visible(length, heads)
    slow = [[[seen(pattern, h, q, k) for k in range(length)] for q in range(length)] for h in range(heads)]
    assert np.array_equal(mask, slow)
    assert pattern.seen_by(length // 3, length - length // 3, heads) == pytest.approx(
        mask[:, length // 3 :].sum() / heads
    )
    last = mask[:, -1]
    assert pattern.tokens_seen(length - 1, heads) == pytest.approx(last.sum() / heads)
    shared = last.reshape(kv_heads, heads // kv_heads, length).any(axis=1)
    assert pattern.tokens_read(length - 1, heads, kv_heads) == pytest.approx(shared.sum() / kv_heads)


@pytest.mark.parametrize("name", ["block", "local", "stride"])
def test_a_pattern_of_nothing_is_refused(name):
    with pytest.raises(ModelError, match=f"{name} of the sparse attention is 0"):
        SparsePattern(**{"block": 16, "local": 1, "stride": 1, "head_step": 1, name: 0})
