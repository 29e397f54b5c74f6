"""Compiled judges, on processors and on an OpenCL device, against transformers' Phi3ForSequenceClassification."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from transformers import Phi3Config as HfConfig
from transformers import Phi3ForSequenceClassification

from lab.compile.gpu import GPUS
from lab.models.convert.manifest import of_few
from lab.models.params import rel_error_max
from lab.models.phi3 import hf
from lab.models.quant import SCHEMES
from tests.compile.building import NATIVE, rel_error
from tests.compile.gpu.families import CPU_LIKE
from tests.compile.gpu.network import GpuCompiled
from tests.compile.gpu.network import stored as stored_on_gpu
from tests.compile.gpu.test_network import f32_twin
from tests.compile.network import Compiled, config, random_weights, some_ids, stored

pytestmark = pytest.mark.slow

LENGTHS = (1, 33, 90)


def scores(cfg, weights, ids):
    """transformers' scores of the ids, and what the norm of such scores mostly is."""
    extras = {"attn_implementation": "eager", "eos_token_id": None, "bos_token_id": None, "pad_token_id": None}
    model = Phi3ForSequenceClassification(HfConfig(**hf.document(cfg), **extras)).eval()
    model.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()})
    inputs = torch.from_numpy(ids.astype(np.int64))[None]
    with torch.no_grad():
        last = model.model(inputs).last_hidden_state[0, -1].numpy()
        head = weights["score.weight"]
        return model(inputs).logits[0].numpy(), float(np.linalg.norm(head) * np.linalg.norm(last) / len(last) ** 0.5)


def check(compiled, cfg, weights, limit):
    for length in LENGTHS:
        ids = some_ids(length, cfg.vocab_size)
        compiled.start(length)
        # One token is a prefill too: there is no decode.
        got = compiled.feed(ids) if length > 1 else compiled.feed(ids, "prefill")
        want, norm = scores(cfg, weights, ids)
        assert got.shape == (cfg.labels,)
        assert rel_error(got, want) < limit * of_few(want, norm)


@pytest.mark.parametrize(("labels", "scheme"), [(5, "f32"), (1, "q4"), (17, "q8")])
def test_scores_on_a_processor(labels, scheme):
    cfg, weights = config(labels=labels), random_weights(config(labels=labels))
    compiled = Compiled(cfg, SCHEMES[scheme], NATIVE[0], weights)
    with pytest.raises(AttributeError):
        compiled.vm["decode"]
    check(compiled, cfg, stored(weights, SCHEMES[scheme]), SCHEMES[scheme].rel_error_max(2))


@pytest.mark.parametrize("labels", [1, 5])
def test_scores_on_an_opencl_device(labels):
    cfg, weights, scheme = config(labels=labels), random_weights(config(labels=labels)), SCHEMES["q4"]
    layout = GPUS["any-f32"].layout
    compiled = GpuCompiled(cfg, scheme, f32_twin(CPU_LIKE), weights)
    check(compiled, cfg, stored_on_gpu(weights, scheme, layout), rel_error_max(scheme, 2, layout))
