"""Head sizes that are no multiple of 32, kernel by kernel and as whole networks; sizes that would leave a rest."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.compile.cpu.isa import ARM_ISAS
from lab.compile.cpu.kernels.attention_decode import decode_attention
from lab.compile.cpu.kernels.attention_merge import merge_states
from lab.compile.cpu.kernels.attention_prefill import paged_attention, ragged_attention
from lab.compile.cpu.kernels.embed import quantised_embed
from lab.compile.cpu.kernels.encode import copied, encoded
from lab.compile.cpu.kernels.encoding import encoding_for
from lab.compile.cpu.kernels.linear import quantised_linear
from lab.compile.cpu.kernels.linear_float import float_linear
from lab.compile.cpu.kernels.rope import split_rotary
from lab.compile.tir.sizes import PAGE, divided
from lab.models.quant import SCHEMES
from tests.compile.building import ATTENTION, NATIVE, kernel, rel_error
from tests.compile.network import Compiled, Reference, config, random_weights, some_ids, stored
from tests.compile.test_attention import SCALE, ints, paged, problem, softmax_attention

pytestmark = pytest.mark.slow

BEST = NATIVE[0]
# 80 is Phi-2's and TinyGPT-V's; 20 halves to vectors of 2. The others take the same code with other widths.
SIZES = [(isa, dim) for isa in ATTENTION for dim in (80, 20)]
SIZES += [(BEST, dim) for dim in (2, 16, 24, 40, 112)]
BY_SIZE = pytest.mark.parametrize(("isa", "dim"), SIZES, ids=lambda value: getattr(value, "name", value))
HEADS, KV_HEADS, HISTORY, NEW = 4, 2, 33, 13


@BY_SIZE
def test_decode(isa, dim):
    length = HISTORY
    q, k, v = problem(HEADS, KV_HEADS, dim, length, "float16")
    pages, table = paged(k, v, "float16", isa)
    call = kernel(decode_attention, isa, HEADS, KV_HEADS, dim, "float16", 21)
    out, lse = np.zeros((1, HEADS, dim), np.float16), np.zeros((1, HEADS), np.float32)
    place = (ints(0, len(table)), table, ints((length - 1) % PAGE + 1), ints(0), ints(length - 1))
    got = call(q[:1], pages, *place, out, lse, 0, 1.0, 1e4, SCALE)
    want, want_lse = softmax_attention(q[:1], k, v, ints(length - 1), np.arange(length), 21)
    assert rel_error(got[-2], want) < 1e-3
    assert np.abs(got[-1] - want_lse).max() < 1e-4


@BY_SIZE
def test_history_and_chunk(isa, dim):
    q, k, v = problem(HEADS, KV_HEADS, dim, HISTORY + NEW, "float32")
    positions = np.arange(HISTORY + NEW, dtype=np.int32)
    pages, table = paged(k[:HISTORY], v[:HISTORY], "float32", isa)
    last_len = ints((HISTORY - 1) % PAGE + 1)
    among = (ints(0, NEW), k[HISTORY:], v[HISTORY:], ints(0, NEW), positions[HISTORY:], ints(HISTORY))
    before = (ints(0, NEW), pages, ints(0, len(table)), table, last_len, ints(0), positions[HISTORY:])
    parts = []
    for maker, args in ((ragged_attention, among), (paged_attention, before)):
        call = kernel(maker, isa, HEADS, KV_HEADS, dim, "float32", None)
        out, lse = np.zeros_like(q[HISTORY:]), np.zeros((NEW, HEADS), np.float32)
        parts += call(q[HISTORY:], *args, out, lse, 0, 0, 1.0, 1e4, SCALE)[-2:]
    merged = kernel(merge_states, isa, dim, "float32")(*parts)
    want, _ = softmax_attention(q[HISTORY:], k, v, positions[HISTORY:], positions, None)
    assert rel_error(merged[0], want) < 1e-5


@BY_SIZE
def test_rotary(isa, dim):
    qkv = problem(HEADS + 2 * KV_HEADS, 1, dim, 3, "float32")[0]
    positions = np.array([5, 0, 9], np.int32)
    table = np.random.default_rng(3).standard_normal((10, dim)).astype(np.float32)
    out = [np.full((3, h, dim), np.nan, np.float32) for h in (HEADS, KV_HEADS, KV_HEADS)]
    q, k, v = kernel(split_rotary, isa, HEADS, KV_HEADS, dim, "float32")(qkv, positions, *out, table)[2:5]
    half = dim // 2
    cos, sin = table[positions][:, None, :half], table[positions][:, None, half:]
    first, second = qkv[..., :half], qkv[..., half:]
    want = np.concatenate([first * cos - second * sin, second * cos + first * sin], axis=-1)
    np.testing.assert_allclose(np.concatenate([q, k], axis=1), want[:, : HEADS + KV_HEADS], atol=1e-5)
    np.testing.assert_array_equal(v, qkv[:, HEADS + KV_HEADS :])


# 2: rows of keys and values that are no multiple of the layout's 16. 80 and 112: real networks.
@pytest.mark.parametrize(
    ("dim", "heads", "kv_heads", "scheme"),
    [(80, 4, 2, "f32"), (112, 2, 1, "q4"), (2, 16, 1, "f32"), (20, 8, 8, "f16")],
)
def test_network(dim, heads, kv_heads, scheme):
    cfg = config(hidden_size=dim * heads, num_attention_heads=heads, num_key_value_heads=kv_heads, num_hidden_layers=1)
    weights = random_weights(cfg)
    compiled, reference = (
        Compiled(cfg, SCHEMES[scheme], BEST, weights),
        Reference(cfg, stored(weights, SCHEMES[scheme])),
    )
    ids, most = some_ids(40, cfg.vocab_size), SCHEMES[scheme].rel_error_max(1)
    want = reference.logits(ids)
    assert rel_error(compiled.prefill(ids), want[-1]) < most
    compiled.start(len(ids))
    steps = [compiled.feed(ids[:33]), *(compiled.feed(ids[i : i + 1]) for i in range(33, 40))]
    assert rel_error(np.stack(steps), want[32:]) < most


MAKERS = [
    lambda size: quantised_linear(BEST, 4, size, 64, 1, residual=False, out_dtype="float32"),
    lambda size: quantised_linear(BEST, 4, 64, size, 1, residual=False, out_dtype="float32"),
    lambda size: float_linear(BEST, "float32", 64, size, 1, residual=False, out_dtype="float32"),
    lambda size: quantised_embed(4, 64, size),
    lambda size: encoded(encoding_for(BEST, 8, one_row=True), size, size, copied, "float32"),
    lambda size: decode_attention(BEST, 7, size, 32, "float32", None),
    lambda size: ragged_attention(ARM_ISAS[0], 7, size, 32, "float32", None),
    lambda size: split_rotary(1, 1, size + 1, "float32"),
]


@pytest.mark.parametrize("maker", MAKERS)
@pytest.mark.parametrize("size", [6, 100])
def test_a_size_with_a_rest_makes_no_kernel(maker, size):
    with pytest.raises(ValueError, match="multiple of"):
        maker(size)


@given(st.integers(1, 10**6), st.integers(1, 10**4))
def test_nothing_is_left_out(size, part):
    if size % part:
        with pytest.raises(ValueError, match=f"{size} is no multiple of {part}"):
            divided(size, part)
    else:
        assert divided(size, part) * part == size


@settings(max_examples=6, deadline=None, derandomize=True)
@given(st.integers(1, 70), st.sampled_from([(1, 1), (3, 1), (4, 2), (5, 5)]), st.integers(1, 40))
def test_any_even_head_size(half, heads, length):
    q, k, v = problem(*heads, 2 * half, length, "float32")
    call = kernel(ragged_attention, BEST, *heads, 2 * half, "float32", None)
    positions, out, lse = np.arange(length, dtype=np.int32), np.zeros_like(q), np.zeros(q.shape[:2], np.float32)
    got = call(q, ints(0, length), k, v, ints(0, length), positions, ints(0), out, lse, 1, 0, 1.0, 1e4, SCALE)
    assert rel_error(got[-2], softmax_attention(q, k, v, positions, positions, None)[0]) < 1e-5
