"""The GPU kernels of pages, rotary table and split, on OpenCL, against plain numpy."""

from __future__ import annotations

import numpy as np
import pytest

from lab.compile.gpu.kernels.kv_pages import append_pages, copy_page, move_slots, read_pages
from lab.compile.gpu.kernels.rope import rope_table, split_rotary
from lab.compile.tir.sizes import PAGE
from tests.compile.gpu.families import CPU_LIKE, STAGED
from tests.compile.gpu.opencl import kernel

BY_GPU = pytest.mark.parametrize("gpu", [CPU_LIKE, STAGED], ids=lambda gpu: gpu.name)
HEADS, DIM, PAGES = 3, 32, 5
SIZES = (HEADS, DIM, "float32")


def tokens(count, heads=HEADS, seed=0):
    return np.random.default_rng(seed).standard_normal((count, heads, DIM)).astype(np.float32)


def filled(gpu, k, v, *slots):
    empty = np.zeros((PAGES, 2, HEADS, PAGE, DIM), np.float32)
    return kernel(append_pages, gpu, *SIZES)(empty, k, v, np.array(slots, np.int32))[0]


def read(gpu, pages, *slots):
    k, v = (np.zeros((2, len(slots), HEADS, DIM), np.float32) for _ in range(2))
    got = kernel(read_pages, gpu, 2, *SIZES)(pages, np.array(slots, np.int32), k, v, 1)
    assert not got[2][0].any()
    return got[2][1], got[3][1]


@BY_GPU
def test_what_is_appended_is_read_back_and_minus_one_is_skipped(gpu):
    k, v = tokens(4), tokens(4, seed=1)
    pages = filled(gpu, k, v, 0, 17, -1, 79)
    got_k, got_v = read(gpu, pages, 0, 17, 79)
    np.testing.assert_array_equal(got_k, k[[0, 1, 3]])
    np.testing.assert_array_equal(got_v, v[[0, 1, 3]])
    assert np.count_nonzero(pages) == 3 * 2 * HEADS * DIM


@BY_GPU
def test_a_copied_page_keeps_its_tokens(gpu):
    k, v = tokens(2), tokens(2, seed=1)
    pages = kernel(copy_page, gpu, *SIZES)(filled(gpu, k, v, 3, 20), 1, 4, PAGE)[0]
    got_k, got_v = read(gpu, pages, 3, 4 * PAGE + 4)
    np.testing.assert_array_equal(got_k, k)
    np.testing.assert_array_equal(got_v, v)
    np.testing.assert_array_equal(pages[1], pages[4])
    np.testing.assert_array_equal(kernel(copy_page, gpu, *SIZES)(pages, 1, 2, 0)[0], pages)


@BY_GPU
def test_moves_happen_in_order(gpu):
    k, v = tokens(2), tokens(2, seed=1)
    pairs = np.array([[20, 3], [2 * PAGE + 9, 20]], np.int32)
    pages = kernel(move_slots, gpu, *SIZES)(filled(gpu, k, v, 3, 20), np.array([0, 2], np.int32), pairs, 1)[0]
    got_k, got_v = read(gpu, pages, 20, 2 * PAGE + 9)
    np.testing.assert_array_equal(got_k, k)
    np.testing.assert_array_equal(got_v, v)


@BY_GPU
@pytest.mark.parametrize(("positions", "row"), [(40, 0), (41, 1), (5000, 1)])
def test_table_holds_angles_of_the_factors_for_its_length(gpu, positions, row):
    inverse = np.stack([1.0 / (1 + np.arange(DIM // 2)), 0.3 / (1 + np.arange(DIM // 2))]).astype(np.float32)
    table = kernel(rope_table, gpu, DIM, 40, 1.25)(inverse, np.zeros((positions, DIM), np.float32))[1]
    angle = np.arange(positions, dtype=np.float32)[:, None] * inverse[row]
    want = np.concatenate([np.cos(angle), np.sin(angle)], axis=1) * 1.25
    np.testing.assert_allclose(table, want, atol=1e-6)


@BY_GPU
def test_split_rotates_q_and_k_and_leaves_v(gpu):
    heads, kv_heads, n = 4, 2, 3
    qkv = tokens(n, heads + 2 * kv_heads)
    positions = np.array([5, 0, 9], np.int32)
    table = np.random.default_rng(3).standard_normal((10, DIM)).astype(np.float32)
    out = [np.zeros((n, h, DIM), np.float32) for h in (heads, kv_heads, kv_heads)]
    q, k, v = kernel(split_rotary, gpu, heads, kv_heads, DIM, "float32")(qkv, positions, *out, table)[2:5]
    cos, sin = (table[positions][:, None, half] for half in (slice(0, DIM // 2), slice(DIM // 2, DIM)))
    first, second = qkv[..., : DIM // 2], qkv[..., DIM // 2 :]
    want = np.concatenate([first * cos - second * sin, second * cos + first * sin], axis=-1)
    np.testing.assert_allclose(q, want[:, :heads], atol=1e-5)
    np.testing.assert_allclose(k, want[:, heads : heads + kv_heads], atol=1e-5)
    np.testing.assert_array_equal(v, qkv[:, heads + kv_heads :])
