import numpy as np
import pytest

from lab.models.layouts.n16k4 import N16K4

SHAPES = [(16, 32), (48, 96), (17, 64), (1, 32), (211, 128)]


@pytest.mark.parametrize(("rows", "k"), SHAPES)
def test_q4_bytes_lie_where_the_layout_says(rows, k):
    q = np.random.default_rng(0).integers(-8, 8, (rows, k)).astype(np.int8)
    packed = N16K4.pack_q(q, 4)
    padded = np.zeros((N16K4.padded_rows(rows), k), int)
    padded[:rows] = q
    assert packed.shape == N16K4.q_shape(rows, k, 4) == (len(padded) // 16, k // 32, 4, 64)
    assert packed.dtype == np.uint8
    for nb, g, j, byte in np.ndindex(packed.shape):
        r, t = divmod(byte, 4)
        low = padded[nb * 16 + r, g * 32 + j * 8 + t] + 8
        high = padded[nb * 16 + r, g * 32 + j * 8 + 4 + t] + 8
        assert packed[nb, g, j, byte] == low | high << 4


@pytest.mark.parametrize(("rows", "k"), SHAPES)
def test_q8_bytes_lie_where_the_layout_says(rows, k):
    q = np.random.default_rng(0).integers(-127, 128, (rows, k)).astype(np.int8)
    packed = N16K4.pack_q(q, 8)
    padded = np.zeros((N16K4.padded_rows(rows), k), int)
    padded[:rows] = q
    assert packed.shape == N16K4.q_shape(rows, k, 8) == (len(padded) // 16, k // 32, 8, 64)
    for nb, g, j, byte in np.ndindex(packed.shape):
        r, t = divmod(byte, 4)
        assert packed[nb, g, j, byte] == padded[nb * 16 + r, g * 32 + j * 4 + t] + 128


@pytest.mark.parametrize(("rows", "k"), SHAPES)
@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_scales_and_floats_lie_where_the_layout_says(rows, k, dtype):
    w = np.random.default_rng(0).normal(size=(rows, k)).astype(dtype)
    packed = N16K4.pack_dense(w)
    assert packed.shape == N16K4.dense_shape(rows, k)
    assert packed.dtype == dtype
    for nb, column, r in np.ndindex(packed.shape):
        row = nb * 16 + r
        assert packed[nb, column, r] == (w[row, column] if row < rows else 0)
    scale = w[:, : k // 32].astype(np.float16)
    assert N16K4.pack_scale(scale).shape == N16K4.scale_shape(rows, k)
    assert (N16K4.pack_scale(scale) == N16K4.pack_dense(scale)).all()


@pytest.mark.parametrize(("rows", "k"), SHAPES)
def test_packing_is_undone_by_its_inverse(rows, k):
    rng = np.random.default_rng(0)
    for bits, low, high in ((4, -8, 8), (8, -128, 128)):
        q = rng.integers(low, high, (rows, k)).astype(np.int8)
        assert (N16K4.unpack_q(N16K4.pack_q(q, bits), rows, bits) == q).all()
    w = rng.normal(size=(rows, k)).astype(np.float32)
    assert (N16K4.unpack_dense(N16K4.pack_dense(w), rows) == w).all()
    scale = w.astype(np.float16)
    assert (N16K4.unpack_scale(N16K4.pack_scale(scale), rows) == scale).all()


def test_packing_does_not_need_whole_memory_order():
    q = np.random.default_rng(0).integers(-8, 8, (64, 32)).astype(np.int8).T  # a transposed view
    q = np.concatenate([q, q])[:, :64]
    assert (N16K4.unpack_q(N16K4.pack_q(q[:, ::-1], 4), 64, 4) == q[:, ::-1]).all()
