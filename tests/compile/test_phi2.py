"""Phi-2 compiled for this machine and transformers' own, of one checkpoint: prompt and single tokens."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lab.models.quant import SCHEMES
from tests.compile.building import NATIVE, rel_error
from tests.compile.network import Compiled, some_ids, stored
from tests.models.test_phi2 import GROUPED, TINY, network_of, stored_names


@pytest.mark.parametrize("config", [TINY, GROUPED], ids=["phi2", "grouped heads"])
@pytest.mark.parametrize(
    ("name", "most"),
    [
        ("q4", 0.06),
        *(pytest.param(*one, marks=pytest.mark.slow) for one in (("q8", 0.06), ("f16", 4e-3), ("f32", 1e-4))),
    ],
)
def test_prompt_and_steps(config, name, most):
    weights = stored_names(config)
    ids = some_ids(40, config.vocab_size)
    compiled = Compiled(config, SCHEMES[name], NATIVE[0], weights)
    compiled.start(len(ids))
    steps = [compiled.feed(ids[:33]), *(compiled.feed(ids[i : i + 1]) for i in range(33, 40))]
    with torch.no_grad():
        model = network_of(config, stored(weights, SCHEMES[name]))
        want = model(torch.from_numpy(ids.astype(np.int64))[None]).logits[0].numpy()
    assert rel_error(np.stack(steps), want[32:]) < most
