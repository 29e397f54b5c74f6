"""Networks of other families' traits on processors, prefill and decode, against the numpy reference."""

from __future__ import annotations

import pytest
import tvm

from lab.compile.cpu import Cpu
from lab.compile.tvm_backend import export_model
from lab.models.catalog import custom
from lab.models.families import FAMILIES
from lab.models.params import rel_error_max
from lab.models.quant import SCHEMES
from tests.compile.building import NATIVE, rel_error
from tests.compile.network import Compiled, some_ids, stored
from tests.models import trait_family as traits

BEST = NATIVE[0]
FED = (35, 9, 1, 1, 1, 1)  # tokens at a time: a chunk, one with a history before it, and steps of decode
CASES = [
    *((name, "f32", BEST) for name in traits.ALL),
    *((name, scheme, BEST) for name in ("phi2", "phi3-small") for scheme in ("f16", "q8", "q4")),
    ("gemma", "q4", BEST),
    ("qwen2", "q8", BEST),
    *(("phi2", "q4", isa) for isa in NATIVE[-2:]),
]


@pytest.fixture(autouse=True)
def row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FAMILIES, traits.NAME, traits.ROW)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "scheme_name", "isa"), CASES, ids=lambda value: getattr(value, "name", value))
def test_prefill_and_decode(name, scheme_name, isa):
    config, scheme = traits.ALL[name], SCHEMES[scheme_name]
    weights, ids = traits.weights_of(config), some_ids(sum(FED), config.vocab_size)
    compiled, at = Compiled(config, scheme, isa, weights), 0
    compiled.start(len(ids))
    kept, most = stored(weights, scheme), rel_error_max(scheme, config.num_hidden_layers)
    for count in FED:
        got, at = compiled.feed(ids[at : at + count]), at + count
        assert rel_error(got, traits.wanted(config, kept, ids[:at])) < most, at


def launches(config, scheme_name):
    """Calls of kernels in a decode step, without those of the KV cache."""
    spec = custom(config, SCHEMES[scheme_name], "traits")
    decode = export_model(spec, Cpu(BEST, BEST.llvm_features))["decode"]
    calls = [binding.value for block in decode.body.blocks for binding in block.bindings]
    return sum(getattr(call, "op", None) == tvm.ir.Op.get("relax.call_tir") for call in calls)


def test_traits_cost_no_launches_and_parallel_blocks_save_a_norm():
    layers = traits.PHI2.num_hidden_layers
    plain = launches(traits.config(vocab_size=208), "q4")
    assert launches(traits.PHI4_MINI, "q4") == plain
    assert launches(traits.PHI3_SMALL, "q4") == plain
    assert launches(traits.PHI2, "q4") == plain - layers
