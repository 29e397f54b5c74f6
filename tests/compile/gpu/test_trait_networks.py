"""Networks of other families' traits on an OpenCL device, prefill and decode, against the numpy reference."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest

from lab.compile.gpu import GPUS
from lab.models.decoder.tensors import decoder_tensors
from lab.models.families import FAMILIES
from lab.models.params import rel_error_max
from lab.models.quant import SCHEMES
from tests.compile.building import rel_error
from tests.compile.gpu.families import CPU_LIKE, STAGED, UNSTAGED
from tests.compile.gpu.network import GpuCompiled, stored
from tests.compile.network import some_ids
from tests.models import trait_family as traits

pytestmark = pytest.mark.slow

LAYOUT = GPUS["any-f32"].layout
FED = (35, 9, 1, 1, 1, 1)  # tokens at a time: a chunk, one with a history before it, and steps of decode
# Each has a trait that the others lack; what phi4-mini's and llama's have is among those of these and of the kernels.
CASES = [
    *((name, "q4", CPU_LIKE) for name in ("phi2", "gemma", "qwen2", "phi3-small")),
    ("phi3-small", "q4", STAGED),
    ("phi2", "f32", UNSTAGED),
]
BY_CASE = pytest.mark.parametrize(
    ("name", "scheme_name", "gpu"), CASES, ids=lambda value: getattr(value, "name", value)
)


@pytest.fixture(autouse=True)
def row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FAMILIES, traits.NAME, traits.ROW)


@functools.cache
def weights_of(config: traits.TraitConfig) -> dict[str, np.ndarray[Any, Any]]:
    """Weights large enough that every trait counts: norms around 1, biases around 0."""
    rng = np.random.default_rng(4)
    weights = {}
    for tensor in decoder_tensors(config):
        values = rng.standard_normal(tensor.shape)
        scaled = values * 1.5 / np.sqrt(tensor.shape[-1]) if len(tensor.shape) == 2 else values * 0.3
        weights[tensor.hf_name] = (scaled + tensor.hf_name.endswith("norm.weight")).astype(np.float32)
    return weights


def wanted(config: traits.TraitConfig, kept: dict[str, np.ndarray[Any, Any]], ids: np.ndarray[Any, Any]) -> Any:
    """The logits after the last of `ids`, in float64 but for the reference's own constants."""
    wide = {name: values.astype(np.float64) for name, values in kept.items()}
    embedded = wide[traits.TRAITS.embedding][ids]
    return traits.TRAITS.logits(config, embedded, lambda name, x: x @ wide[name].T, lambda name: wide[name])


@BY_CASE
def test_prefill_and_decode(name: str, scheme_name: str, gpu: Any) -> None:
    config, scheme = traits.ALL[name], SCHEMES[scheme_name]
    gpu = type(gpu)(**(vars(gpu) | {"layout": LAYOUT}))
    weights, ids = weights_of(config), some_ids(sum(FED), config.vocab_size)
    compiled = GpuCompiled(config, scheme, gpu, weights)
    compiled.start(len(ids))
    kept, most, at = stored(weights, scheme, LAYOUT), rel_error_max(scheme, config.num_hidden_layers, LAYOUT), 0
    for count in FED:
        got, at = compiled.feed(ids[at : at + count]), at + count
        assert rel_error(got, wanted(config, kept, ids[:at])) < most, at
