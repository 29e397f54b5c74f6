"""Pages, rotary table and split against plain numpy."""

from __future__ import annotations

import numpy as np
import pytest

from lab.compile.cpu.kernels.kv_pages import append_pages, copy_page, move_slots, read_pages
from lab.compile.cpu.kernels.rope import rope_table, split_rotary
from lab.compile.tir.sizes import PAGE
from tests.compile.building import ATTENTION, EMULATED, NATIVE, compiled

BY_ISA = pytest.mark.parametrize("isa", [NATIVE[0], *EMULATED], ids=lambda isa: isa.name)
HEADS, DIM, PAGES = 3, 32, 5


def tokens(count, heads=HEADS, seed=0):
    return np.random.default_rng(seed).standard_normal((count, heads, DIM)).astype(np.float16)


def empty_pages():
    return np.zeros((PAGES, 2, HEADS, PAGE, DIM), np.float16)


def read(isa, pages, slots):
    k, v = (np.zeros((2, len(slots), HEADS, DIM), np.float16) for _ in range(2))
    got = compiled(read_pages(2, HEADS, DIM, "float16"), isa)(pages, slots, k, v, 1)
    return got[2][1], got[3][1]


@BY_ISA
def test_what_is_appended_is_read_back_and_minus_one_is_skipped(isa):
    k, v = tokens(4), tokens(4, seed=1)
    slots = np.array([0, 17, -1, 79], np.int32)
    pages = compiled(append_pages(HEADS, DIM, "float16"), isa)(empty_pages(), k, v, slots)[0]
    kept = slots[[0, 1, 3]]
    got_k, got_v = read(isa, pages, kept)
    np.testing.assert_array_equal(got_k, k[[0, 1, 3]])
    np.testing.assert_array_equal(got_v, v[[0, 1, 3]])
    assert np.count_nonzero(pages) == 3 * 2 * HEADS * DIM


@BY_ISA
def test_copying_and_moving_keep_tokens(isa):
    k, v = tokens(2), tokens(2, seed=1)
    pages = compiled(append_pages(HEADS, DIM, "float16"), isa)(empty_pages(), k, v, np.array([3, 20], np.int32))[0]
    pages = compiled(copy_page(HEADS, DIM, "float16"), isa)(pages, 1, 4, PAGE)[0]
    got_k, got_v = read(isa, pages, np.array([3, 4 * PAGE + 4], np.int32))
    np.testing.assert_array_equal(got_k, k)
    np.testing.assert_array_equal(got_v, v)
    pairs = np.array([[3], [2 * PAGE + 9]], np.int32)
    pages = compiled(move_slots(HEADS, DIM, "float16"), isa)(pages, np.array([0, 1], np.int32), pairs, 1)[0]
    got_k, got_v = read(isa, pages, np.array([2 * PAGE + 9], np.int32))
    np.testing.assert_array_equal(got_k, k[:1])
    np.testing.assert_array_equal(got_v, v[:1])


@BY_ISA
@pytest.mark.parametrize(("positions", "row"), [(40, 0), (41, 1)])
def test_table_takes_the_long_factors_past_the_limit(isa, positions, row):
    inverse = np.stack([1.0 / (1 + np.arange(DIM // 2)), 0.3 / (1 + np.arange(DIM // 2))]).astype(np.float32)
    fill = compiled(rope_table(DIM, 40, 1.25), isa)
    table = fill(inverse, np.zeros((positions, DIM), np.float32))[1]
    angle = np.arange(positions, dtype=np.float32)[:, None] * inverse[row]
    want = np.concatenate([np.cos(angle), np.sin(angle)], axis=1) * 1.25
    np.testing.assert_allclose(table, want, atol=1e-6)


@pytest.mark.parametrize("isa", ATTENTION, ids=lambda isa: isa.name)
def test_split_rotates_q_and_k_and_leaves_v(isa):
    heads, kv_heads, n = 4, 2, 3
    qkv = tokens(n, heads + 2 * kv_heads).astype(np.float32)
    positions = np.array([5, 0, 9], np.int32)
    table = np.random.default_rng(3).standard_normal((10, DIM)).astype(np.float32)
    out = [np.zeros((n, h, DIM), np.float32) for h in (heads, kv_heads, kv_heads)]
    q, k, v = compiled(split_rotary(heads, kv_heads, DIM, "float32"), isa)(qkv, positions, *out, table)[2:5]
    cos, sin = (table[positions][:, None, half] for half in (slice(0, DIM // 2), slice(DIM // 2, DIM)))
    first, second = qkv[..., : DIM // 2], qkv[..., DIM // 2 :]
    want = np.concatenate([first * cos - second * sin, second * cos + first * sin], axis=-1)
    np.testing.assert_allclose(q, want[:, :heads], atol=1e-5)
    np.testing.assert_allclose(k, want[:, heads : heads + kv_heads], atol=1e-5)
    np.testing.assert_array_equal(v, qkv[:, heads + kv_heads :])
