"""The mask is a state on OpenCL too: tests/compile/test_masks.py, with the GPU's kernels."""

from __future__ import annotations

import numpy as np
import pytest

from lab.compile.gpu.kernels.attention_decode import decode_attention
from lab.compile.gpu.kernels.attention_merge import merge_states
from lab.compile.gpu.kernels.attention_prefill import paged_attention, ragged_attention
from tests.compile.gpu.families import FAMILIES
from tests.compile.gpu.opencl import kernel
from tests.compile.gpu.test_attention import paged
from tests.compile.test_masks import BY_SCORE, BY_WINDOW, DIM, HEADS, alike, decoded, means, merged, ragged

BY_GPU = pytest.mark.parametrize("gpu", FAMILIES, ids=lambda gpu: gpu.name)


@BY_GPU
@BY_WINDOW
@BY_SCORE
def test_prefill_and_decode(gpu, window, score):
    got, v = ragged(kernel(ragged_attention, gpu, HEADS, HEADS, DIM, "float32", window), 40, score)
    np.testing.assert_allclose(got, means(v, window), rtol=1e-5)
    q, k, v = alike(37, score)
    pages, table = paged(k, v, gpu)
    call = kernel(decode_attention, gpu, HEADS, HEADS, DIM, "float32", window)
    np.testing.assert_allclose(decoded(call, pages, table, 37, q[-1:], "float32")[0], means(v, window)[-1], rtol=1e-5)


@BY_GPU
def test_rows_without_history_take_nothing_of_it_at_any_score(gpu):
    calls = [kernel(maker, gpu, HEADS, HEADS, DIM, "float32", 5) for maker in (ragged_attention, paged_attention)]
    calls.append(kernel(merge_states, gpu, DIM, "float32"))
    got, v = merged(calls, lambda k, v: paged(k, v, gpu), 33, 13, -1e30)
    np.testing.assert_allclose(got[4:], means(v, 5)[37:], rtol=1e-5)
