"""GPU decode attention, on OpenCL, against plain softmax attention in numpy."""

from __future__ import annotations

import numpy as np
import pytest

from lab.compile.gpu.kernels.attention_decode import decode_attention
from lab.compile.gpu.kernels.decode_sizes import split_for
from lab.compile.tir.sizes import PAGE
from tests.compile.building import rel_error
from tests.compile.gpu.opencl import kernel
from tests.compile.gpu.test_attention import BY_GEOMETRY, BY_GPU, BY_WINDOW, paged
from tests.compile.test_attention import SCALE, ints, problem, softmax_attention


def decoded(gpu, geometry, window, length, position=None):
    heads, kv_heads, dim = geometry
    q, k, v = problem(heads, kv_heads, dim, length, "float32")
    position = length - 1 if position is None else position
    pages, table = paged(k, v, gpu)
    call = kernel(decode_attention, gpu, heads, kv_heads, dim, "float32", window)
    out, lse = np.zeros((1, heads, dim), np.float32), np.zeros((1, heads), np.float32)
    last_len = ints((length - 1) % PAGE + 1)
    places = (ints(0, len(table)), table, last_len, ints(0), ints(position))
    got = call(q[:1], pages, *places, out, lse, 0, 1.0, 1e4, SCALE)[-2:]
    return got, softmax_attention(q[:1], k, v, ints(position), np.arange(length), window)


@BY_GPU
@BY_GEOMETRY
@BY_WINDOW
@pytest.mark.parametrize("length", [1, 15, 16, 17, 70])
def test_decode_reads_pages(gpu, geometry, window, length):
    got, want = decoded(gpu, geometry, window, length)
    assert rel_error(got[0], want[0]) < 1e-5
    assert np.abs(got[1] - want[1]).max() < 1e-4


@BY_GPU
@pytest.mark.parametrize("window", [None, 1027])
@pytest.mark.parametrize("length", [1024, 2053])
def test_decode_goes_through_more_than_one_chunk_of_keys(gpu, window, length):
    geometry = (8, 2, 96)
    assert split_for(gpu, *geometry).chunk < length or length == 1024
    got, want = decoded(gpu, geometry, window, length)
    assert rel_error(got[0], want[0]) < 1e-5
    assert np.abs(got[1] - want[1]).max() < 1e-4
