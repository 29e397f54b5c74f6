"""The compiled network's logits against transformers' Phi3ForCausalLM with the same weights."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from lab.models.phi3.config import Phi3Config
from lab.models.quant import SCHEMES
from tests.compile.building import NATIVE, rel_error
from tests.compile.network import Compiled, Reference, config, random_weights, some_ids, stored

pytestmark = pytest.mark.slow

HALF = 16  # head_dim / 2 of the small networks
SHORT, LONG = tuple(1.0 + 0.01 * i for i in range(HALF)), tuple(1.5 + 0.3 * i for i in range(HALF))

NETWORKS: dict[str, Phi3Config] = {
    "mha": config(),
    "gqa": config(num_key_value_heads=1),
    "window": config(sliding_window=37),
    "window of 2**31": config(sliding_window=2**31),
    "longrope": config(
        max_position_embeddings=2048,
        original_max_position_embeddings=64,
        rope_short_factor=SHORT,
        rope_long_factor=LONG,
    ),
    "odd-vocabulary": config(vocab_size=331),
    "tied": config(tie_word_embeddings=True),
    "head-96": config(hidden_size=192, num_attention_heads=2, num_key_value_heads=2),
}
BEST = NATIVE[0]


@functools.cache
def pair(name, scheme_name="f32", isa=BEST):
    cfg, scheme = NETWORKS[name], SCHEMES[scheme_name]
    weights = random_weights(cfg)
    return Compiled(cfg, scheme, isa, weights), Reference(cfg, stored(weights, scheme))


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("length", [1, 31, 32, 33, 500])
def test_prefill_in_float32(name, length):
    compiled, reference = pair(name)
    ids = some_ids(length, NETWORKS[name].vocab_size)
    assert rel_error(compiled.prefill(ids), reference.logits(ids)[-1]) < 1e-3


@pytest.mark.parametrize("length", [64, 65])
def test_longrope_changes_factors_where_the_reference_does(length):
    compiled, reference = pair("longrope")
    ids = some_ids(length, 320)
    assert rel_error(compiled.prefill(ids), reference.logits(ids)[-1]) < 1e-3


@pytest.mark.parametrize("name", ["mha", "gqa", "window", "longrope"])
@pytest.mark.parametrize("chunk", [16, 50, 128])
def test_chunks_equal_one_prefill(name, chunk):
    compiled, _ = pair(name)
    ids = some_ids(200, 320)
    assert rel_error(compiled.prefill(ids, chunk), compiled.prefill(ids)) < 1e-4


@pytest.mark.parametrize("name", ["mha", "gqa", "window", "longrope"])
def test_64_decode_steps_equal_one_prefill(name):
    compiled, reference = pair(name)
    ids = some_ids(70 + 64, 320)
    compiled.start(len(ids))
    compiled.feed(ids[:70])
    steps = [compiled.feed(ids[i : i + 1]) for i in range(70, len(ids))]
    want = reference.logits(ids)[70:]
    assert max(rel_error(got, expected) for got, expected in zip(steps, want, strict=True)) < 1e-3


# Activations are int8 in q4 and q8, the KV cache float16 in all but f32; the tolerance is the scheme's own.
@pytest.mark.parametrize("scheme", ["f16", "q8", "q4"])
@pytest.mark.parametrize(
    ("name", "isa"),
    [("mha", BEST), *[("gqa", isa) for isa in NATIVE]],
    ids=lambda value: getattr(value, "name", value),
)
def test_schemes_against_the_same_stored_weights(name, scheme, isa):
    compiled, reference = pair(name, scheme, isa)
    ids = some_ids(90, 320)
    want = reference.logits(ids)
    assert rel_error(compiled.prefill(ids), want[-1]) < SCHEMES[scheme].rel_error_max(2)
    compiled.start(len(ids))
    compiled.feed(ids[:80])
    steps = [compiled.feed(ids[i : i + 1]) for i in range(80, 90)]
    assert rel_error(np.stack(steps), want[80:]) < SCHEMES[scheme].rel_error_max(2)


@pytest.mark.parametrize("isa", NATIVE, ids=[isa.name for isa in NATIVE])
def test_every_isa_in_float32(isa):
    compiled, reference = pair("gqa", "f32", isa)
    ids = some_ids(65, 320)
    assert rel_error(compiled.prefill(ids), reference.logits(ids)[-1]) < 1e-3
