"""Networks of other families' traits on an OpenCL device, prefill and decode, against the numpy reference."""

from __future__ import annotations

from typing import Any

import pytest

from lab.compile.gpu import GPUS
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


@BY_CASE
def test_prefill_and_decode(name: str, scheme_name: str, gpu: Any) -> None:
    config, scheme = traits.ALL[name], SCHEMES[scheme_name]
    gpu = type(gpu)(**(vars(gpu) | {"layout": LAYOUT}))
    weights, ids = traits.weights_of(config), some_ids(sum(FED), config.vocab_size)
    compiled = GpuCompiled(config, scheme, gpu, weights)
    compiled.start(len(ids))
    kept, most, at = stored(weights, scheme, LAYOUT), rel_error_max(scheme, config.num_hidden_layers, LAYOUT), 0
    for count in FED:
        got, at = compiled.feed(ids[at : at + count]), at + count
        assert rel_error(got, traits.wanted(config, kept, ids[:at])) < most, at
