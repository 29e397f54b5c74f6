import numpy as np
import pytest

from lab.models.activation import SILU_GATED
from lab.models.decoder import reference
from lab.models.decoder.tensors import EMBEDDING, HEAD
from lab.models.params import tensor_specs
from lab.models.prompt import logit_ids, prompt_ids
from lab.models.sources.synthetic import SyntheticSource
from tests.models import oracle, small
from tests.models.folders import whole

SHARP = 8.0  # synthetic weights barely attend; larger ones make every part of the network matter


def weights_of(config):
    source = SyntheticSource(config)
    return {
        spec.hf_name: whole(source, spec.hf_name, spec.shape) * (SHARP if len(spec.shape) == 2 else 1)
        for spec in tensor_specs(config)
    }


def run(config, weights, ids):
    head = EMBEDDING if config.tie_word_embeddings else HEAD
    embedded = weights[EMBEDDING][ids]
    return reference.last_logits(config, embedded, lambda n, x: x @ weights[n].T, weights.__getitem__, head)


@pytest.mark.parametrize("name", list(small.ALL))
@pytest.mark.parametrize("length", [1, 8, 21])
def test_logits_agree_with_transformers(name, length):
    config = small.ALL[name]
    weights = weights_of(config)
    ids = [(37 * i + 5) % config.vocab_size for i in range(length)]
    got = run(config, weights, ids)
    assert got.shape == (config.vocab_size,)
    assert oracle.rel_error(got, oracle.logits(config, weights, ids)[-1]) < 1e-4


@pytest.mark.parametrize("name", ["windowed", "longrope", "long-side"])
def test_the_features_change_the_logits(name):
    # Otherwise the agreement above would say nothing about them.
    config, plain = small.ALL[name], small.PLAIN
    weights = weights_of(config)
    ids = [(37 * i + 5) % config.vocab_size for i in range(21)]
    assert oracle.rel_error(run(config, weights, ids), run(plain, weights, ids)) > 1e-2


def test_the_prompt_is_spread_over_the_vocabulary():
    for vocab in (211, 32064):
        ids = prompt_ids(vocab)
        assert len(set(ids)) == len(ids) == 8
        assert sorted(ids) != ids
        assert min(ids) < vocab / 8 < vocab * 7 / 8 < max(ids) < vocab
    assert prompt_ids(32064) == [6012, 18036, 30060, 10020, 22044, 2004, 14028, 26052]


def test_the_compared_logits_reach_both_ends_of_the_vocabulary():
    ids = logit_ids(32064)
    assert (len(ids), ids[0], ids[-1]) == (256, 0, 32063)
    assert np.ptp(np.diff(ids)) <= 1
    assert logit_ids(211) == list(range(211))


def test_silu_of_very_negative_values_is_zero():
    out = reference.activated(SILU_GATED, np.array([[-1000.0, 1000.0, 3.0, 2.0]], np.float32))
    assert out.tolist() == [[0.0, 2000.0]]
