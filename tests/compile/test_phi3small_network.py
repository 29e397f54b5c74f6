"""Phi-3-small compiled and run in TVM's virtual machine against the numpy reference, where blocks are left out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lab.models.families import family_of
from lab.models.params import rel_error_max
from lab.models.phi3small.presets import PRESETS
from lab.models.quant import SCHEMES
from tests.compile.building import NATIVE
from tests.compile.network import Compiled, random_weights, some_ids, stored
from tests.models.oracle import rel_error
from tests.models.test_phi3small import TINY

TRUE_WIDTH = replace(PRESETS["phi3-small"].config, num_hidden_layers=2, vocab_size=512)


def reference(config, weights, ids):
    """The numpy reference's logits of the last of the ids."""
    family = family_of(config)
    embedded = weights[family.embedding][ids]
    return family.logits(config, embedded, lambda name, x: x @ weights[name].T, lambda name: weights[name])


@pytest.mark.parametrize("quant", ["f32", pytest.param("q4", marks=pytest.mark.slow)])
def test_two_layers_leave_out_what_the_reference_leaves_out(quant):
    scheme = SCHEMES[quant]
    weights = random_weights(TINY)
    kept, ids = stored(weights, scheme), some_ids(130, TINY.vocab_size)
    compiled = Compiled(TINY, scheme, NATIVE[0], weights)
    limit = rel_error_max(scheme, TINY.num_hidden_layers)
    want = reference(TINY, kept, ids)
    assert rel_error(reference(replace(TINY, local_blocks=64), kept, ids), want) > limit  # so the pattern is felt
    for chunk in (130, 37):  # 37: chunks that begin within a page
        assert rel_error(compiled.prefill(ids, chunk), want) < limit
    compiled.start(len(ids))
    compiled.feed(ids[:120])
    steps = [compiled.feed(ids[i : i + 1]) for i in range(120, len(ids))]
    assert rel_error(steps[-1], want) < limit
    assert rel_error(steps[0], reference(TINY, kept, ids[:121])) < limit


@pytest.mark.slow
def test_two_layers_of_the_true_width_beyond_1024_tokens():
    scheme, ids = SCHEMES["q4"], some_ids(1200, TRUE_WIDTH.vocab_size)
    rng = np.random.default_rng(0)
    weights = {}
    for tensor in family_of(TRUE_WIDTH).tensors(TRUE_WIDTH):
        values = rng.standard_normal(tensor.shape, dtype=np.float32)
        weights[tensor.hf_name] = 1 + 0.1 * values if len(tensor.shape) == 1 else values * np.float32(0.02)
    want = reference(TRUE_WIDTH, stored(weights, scheme), ids)
    compiled = Compiled(TRUE_WIDTH, scheme, NATIVE[0], weights)
    compiled.start(len(ids))
    for first in (0, 512, 1024):
        compiled.feed(ids[first : min(first + 512, 1199)])
    assert rel_error(compiled.feed(ids[1199:]), want) < rel_error_max(scheme, 2)
