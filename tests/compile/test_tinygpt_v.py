"""TinyGPT-V compiled for this machine, and torch's: the image encoder, and tokens after an image."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
import tvm

from lab.models.quant import SCHEMES
from lab.models.tinygpt_v.config import TinyGptVConfig
from lab.models.tinygpt_v.image import synthetic_image
from lab.models.tinygpt_v.presets import PRESETS
from tests.compile.building import NATIVE, rel_error
from tests.compile.network import Compiled, some_ids, stored
from tests.models.test_tinygpt_v import TINY, torch_of, weights_of

# The limit of a two-layer language network, and with that of the encoder's four layers before it.
LIMITS = {"q4": 0.06, "q8": 0.06, "f16": 4e-3, "f32": 1e-4}


def pixels_of(config: TinyGptVConfig) -> np.ndarray:
    return synthetic_image(config.vision.rows, config.vision.columns)


QUICK = "q4"
PAIRS = [pytest.param((NATIVE[0], name), marks=[pytest.mark.slow] * (name != QUICK), id=name) for name in SCHEMES]


@pytest.fixture(scope="module", params=PAIRS)
def pair(request):
    """The network compiled, and torch's with the same weights; what a limit is."""
    isa, name = request.param
    weights, scheme = weights_of(TINY), SCHEMES[name]
    return Compiled(TINY, scheme, isa, weights), torch_of(TINY, stored(weights, scheme)), LIMITS[name]


def test_the_image_is_encoded_as_torch_does(pair):
    compiled, network, most = pair
    pixels = pixels_of(TINY)
    got = compiled.vm["encode_image"](tvm.runtime.tensor(pixels), compiled.params).numpy()
    with torch.no_grad():
        want = network.encode_image(torch.from_numpy(pixels)[None])[0].numpy()
    assert got.shape == (3, TINY.hidden_size)
    assert rel_error(got, want) < most


def test_tokens_after_an_image(pair):
    compiled, network, most = pair
    ids, image = some_ids(12, TINY.vocab_size), TINY.qformer.queries
    encoded = compiled.vm["encode_image"](tvm.runtime.tensor(pixels_of(TINY)), compiled.params).numpy()
    text = compiled.vm["embed"](tvm.runtime.tensor(ids[:9].astype(np.int32)), compiled.params).numpy()
    compiled.start(image + len(ids))
    steps = [fed(compiled, np.concatenate([encoded, text])), *(compiled.feed(ids[i : i + 1]) for i in range(9, 12))]
    with torch.no_grad():
        want = network(torch.from_numpy(ids.astype(np.int64))[None]).logits[0].numpy()
    assert rel_error(np.stack(steps), want[8:]) < most


def fed(compiled: Compiled, embedded: np.ndarray) -> np.ndarray:
    """The logits after embedded positions [n, hidden]."""
    begin, end = (tvm.get_global_func(f"vm.builtin.kv_state_{name}_forward") for name in ("begin", "end"))
    begin(compiled.cache, tvm.runtime.ShapeTuple([0]), tvm.runtime.ShapeTuple([len(embedded)]))
    logits = compiled.vm["prefill"](tvm.runtime.tensor(embedded[None]), compiled.cache, compiled.params)[0].numpy()
    end(compiled.cache)
    return logits[0, 0]


@pytest.mark.slow
def test_a_block_of_full_width():
    """One block of the real encoder, one layer of its Q-Former, all 1025 rows."""
    whole = PRESETS["tinygpt-v"].config
    config = replace(whole.cut(1), vocab_size=64, intermediate_size=64)
    weights = weights_of(config)
    weights = {name: value * np.float32(0.2) if value.ndim == 2 else value for name, value in weights.items()}
    compiled = Compiled(config, SCHEMES["q8"], NATIVE[0], weights)
    network, pixels = torch_of(config, stored(weights, SCHEMES["q8"])), pixels_of(config)
    got = compiled.vm["encode_image"](tvm.runtime.tensor(pixels), compiled.params).numpy()
    with torch.no_grad():
        want = network.encode_image(torch.from_numpy(pixels)[None])[0].numpy()
    assert got.shape == (32, 2560)
    assert rel_error(got, want) < 0.03
