"""GPU prefill attention, on OpenCL, against plain softmax attention in numpy; what sizes the families get."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lab.compile.gpu import GPUS
from lab.compile.gpu.kernels.attention_merge import merge_states
from lab.compile.gpu.kernels.attention_prefill import paged_attention, ragged_attention
from lab.compile.gpu.kernels.decode_sizes import split_for
from lab.compile.gpu.kernels.kv_pages import append_pages
from lab.compile.gpu.kernels.tile_sizes import tile_for
from lab.compile.tir.sizes import PAGE
from lab.core.errors import CompileError
from lab.models.families import presets
from tests.compile.building import rel_error
from tests.compile.gpu.families import CPU_LIKE, FAMILIES, TWINS
from tests.compile.gpu.opencl import kernel
from tests.compile.test_attention import SCALE, ints, problem, softmax_attention

BY_GPU = pytest.mark.parametrize("gpu", FAMILIES, ids=lambda gpu: gpu.name)
BY_GEOMETRY = pytest.mark.parametrize("geometry", [(4, 4, 32), (8, 2, 96), (2, 1, 128)])
BY_WINDOW = pytest.mark.parametrize("window", [None, 21])


def paged(k, v, gpu, spare=3):
    """Store keys and values by the append kernel into pages in shuffled order; return pages and page table."""
    length, kv_heads, dim = k.shape
    used = -(-length // PAGE)
    table = np.random.default_rng(1).permutation(used + spare)[:used].astype(np.int32)
    slots = (table[np.arange(length) // PAGE] * PAGE + np.arange(length) % PAGE).astype(np.int32)
    pages = np.full((used + spare, 2, kv_heads, PAGE, dim), np.nan, np.float32)
    return kernel(append_pages, gpu, kv_heads, dim, "float32")(pages, k, v, slots)[0], table


@BY_GPU
@BY_GEOMETRY
@BY_WINDOW
@pytest.mark.parametrize("length", [1, 15, 17, 33, 150])
def test_ragged_prefill(gpu, geometry, window, length):
    heads, kv_heads, dim = geometry
    q, k, v = problem(heads, kv_heads, dim, length, "float32")
    call = kernel(ragged_attention, gpu, heads, kv_heads, dim, "float32", window)
    out, lse = np.zeros_like(q), np.zeros((length, heads), np.float32)
    positions = np.arange(length, dtype=np.int32) + 5
    got = call(q, ints(0, length), k, v, ints(0, length), positions, ints(5), out, lse, 1, 0, 1.0, 1e4, SCALE)
    want, want_lse = softmax_attention(q, k, v, positions, positions, window)
    assert rel_error(got[-2], want) < 1e-5
    assert np.abs(got[-1] - want_lse).max() < 1e-4


@BY_GPU
@BY_WINDOW
@pytest.mark.parametrize(("history", "new"), [(16, 5), (33, 40), (70, 13)])
def test_history_and_chunk_merge_to_the_whole(gpu, window, history, new):
    heads, kv_heads, dim = 8, 2, 96
    q, k, v = problem(heads, kv_heads, dim, history + new, "float32")
    positions = np.arange(history + new, dtype=np.int32)
    pages, table = paged(k[:history], v[:history], gpu)
    fresh, last_len = q[history:], ints((history - 1) % PAGE + 1)
    among = (ints(0, new), k[history:], v[history:], ints(0, new), positions[history:], ints(history))
    before = (ints(0, new), pages, ints(0, len(table)), table, last_len, ints(0), positions[history:])
    parts = []
    for maker, args in ((ragged_attention, among), (paged_attention, before)):
        call = kernel(maker, gpu, heads, kv_heads, dim, "float32", window)
        out, lse = np.zeros_like(fresh), np.zeros((new, heads), np.float32)
        parts += call(fresh, *args, out, lse, 0, 0, 1.0, 1e4, SCALE)[-2:]
    merged = kernel(merge_states, gpu, dim, "float32")(*parts)
    want, want_lse = softmax_attention(fresh, k, v, positions[history:], positions, window)
    assert rel_error(merged[0], want) < 1e-5
    assert np.abs(merged[1] - want_lse).max() < 1e-4


HEADS_OF = {(c.num_attention_heads, c.num_key_value_heads, c.head_dim) for c in (p.config for p in presets().values())}
HEADS_OF |= {(32, 8, 128), (32, 32, 80)}  # of Phi-3-small and Phi-2


@pytest.mark.parametrize("heads", sorted(HEADS_OF), ids=lambda heads: "x".join(map(str, heads)))
@pytest.mark.parametrize("gpu", GPUS)
def test_every_family_has_room_for_the_heads_of_every_network(gpu, heads):
    gpu, dim = GPUS[gpu], heads[2]
    tile, split = tile_for(gpu, "attention_ragged", dim, gpu.storage), split_for(gpu, *heads)
    assert max(tile.threads, split.threads) <= gpu.max_threads
    assert max(tile.shared_bytes, split.shared_bytes) <= gpu.shared_bytes
    assert split.threads >= max(split.across, split.group)
    assert split.chunk * 2 >= split.threads * split.lanes  # half of the threads have keys to score
    assert split.chunk % PAGE == 0
    merge_states(gpu, dim, gpu.storage)  # refuses what does not fit


@pytest.mark.parametrize(("real", "twin"), TWINS, ids=lambda gpu: gpu.name)
def test_what_runs_here_is_split_as_on_the_real_family(real, twin):
    assert split_for(real, 32, 32, 96) == split_for(twin, 32, 32, 96)
    tiles = [tile_for(gpu, "attention_ragged", 96, gpu.storage) for gpu in (real, twin)]
    assert tiles[0] == replace(tiles[1], itemsize=2)


def test_a_family_with_too_little_shared_memory_is_told_which_kernel_and_how_much():
    small = replace(CPU_LIKE, shared_bytes=1 << 10)
    with pytest.raises(CompileError, match=r"attention_decode needs \d+ bytes of shared memory.*any-f32.* 1024"):
        split_for(small, 32, 32, 96)
    with pytest.raises(CompileError, match=r"attention_paged needs \d+ bytes of shared memory"):
        tile_for(small, "attention_paged", 96, "float32")


def test_a_family_with_too_few_threads_is_told_so():
    with pytest.raises(CompileError, match=r"attention_ragged needs \d+ threads"):
        tile_for(replace(FAMILIES[1], max_threads=16), "attention_ragged", 128, "float32")
