"""The layer-by-layer reference against the same model held whole in memory by transformers."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from lab.core.errors import LabError, WeightsError
from lab.core.progress import NullProgress
from lab.formats.manifest import TensorEntry
from lab.models.catalog import ModelSpec, custom
from lab.models.layouts.n16k4 import N16K4
from lab.models.params import params_of, tensor_specs
from lab.models.phi3 import hf
from lab.models.phi3.config import Phi3Config
from lab.models.quant import SCHEMES, Array, dequantise, quantise
from lab.models.torch_reference import StoredWeights, reference_logits

IDS = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9, 3, 2, 3, 8, 4]


def tiny(scheme: str, tied: bool) -> ModelSpec:
    """Two layers, grouped heads, an odd vocabulary, LongRoPE past its switch and a window that is crossed."""
    config = Phi3Config(
        hidden_size=64,
        intermediate_size=96,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        vocab_size=101,
        max_position_embeddings=64,
        original_max_position_embeddings=16,
        sliding_window=9,
        rope_short_factor=(1.0,) * 8,
        rope_long_factor=tuple(1.0 + i for i in range(8)),
        tie_word_embeddings=tied,
    )
    return custom(config, SCHEMES[scheme], f"tiny-{scheme}")


def packed(spec: ModelSpec, weights: dict[str, Array]) -> dict[str, Array]:
    """The parameters as weights.bin holds them; `weights` become what those parameters stand for."""
    out: dict[str, Array] = {}
    for tensor in tensor_specs(spec.config):
        params, value = list(params_of(spec.config, tensor, spec.scheme)), weights[tensor.hf_name]
        if len(tensor.shape) == 1:
            out[params[0].name] = value
        elif spec.scheme.quantised:
            q, scale = quantise(value, spec.scheme)
            weights[tensor.hf_name] = dequantise(q, scale)
            out[params[0].name] = N16K4.pack_q(q, spec.scheme.bits)
            out[params[1].name] = N16K4.pack_scale(scale)
        else:
            weights[tensor.hf_name] = value.astype(params[0].dtype).astype(np.float32)
            out[params[0].name] = N16K4.pack_dense(value.astype(params[0].dtype))
    return out


def written(folder: Path, parameters: dict[str, Array]) -> tuple[Path, list[TensorEntry]]:
    path, entries = folder / "weights.bin", []
    with path.open("wb") as file:
        for name, value in parameters.items():
            file.seek(-(-file.tell() // 4096) * 4096)
            entries.append(TensorEntry(name, str(value.dtype), value.shape, file.tell(), value.nbytes))  # type: ignore[arg-type]
            file.write(value.tobytes())
    return path, entries


def random_weights(spec: ModelSpec) -> dict[str, Array]:
    rng = np.random.default_rng(7)
    return {tensor.hf_name: rng.normal(0, 0.2, tensor.shape).astype(np.float32) for tensor in tensor_specs(spec.config)}


def whole_model(spec: ModelSpec, weights: dict[str, Array]) -> Array:
    import torch
    import transformers

    fields = hf.document(spec.config)
    del fields["architectures"], fields["model_type"]
    none = dict.fromkeys(("pad_token_id", "bos_token_id", "eos_token_id"))
    config = transformers.Phi3Config(**fields, **none, attn_implementation="eager")
    model = transformers.Phi3ForCausalLM(config).eval()
    model.load_state_dict({name: torch.tensor(value) for name, value in weights.items()}, strict=False)
    model.tie_weights()
    with torch.no_grad():
        return np.asarray(model(torch.tensor([IDS])).logits[0].numpy())


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("scheme", list(SCHEMES))
def test_logits_are_those_of_the_whole_model(scheme: str, tied: bool, tmp_path: Path) -> None:
    spec = tiny(scheme, tied)
    weights = random_weights(spec)
    path, entries = written(tmp_path, packed(spec, weights))
    got = reference_logits(spec, StoredWeights(spec, path, entries), IDS, NullProgress())
    want = whole_model(spec, weights)
    assert got.shape == (len(IDS), 101)
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5)
    assert np.abs(want).max() > 0.1


def test_many_rows_are_read_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = tiny("q4", tied=False)
    weights = random_weights(spec)
    path, entries = written(tmp_path, packed(spec, weights))
    monkeypatch.setattr("lab.models.torch_reference.ROWS_AT_ONCE", 32)
    stored = StoredWeights(spec, path, entries)
    for name, value in weights.items():
        np.testing.assert_array_equal(stored.read(name), value)


def test_a_missing_tensor_is_named(tmp_path: Path) -> None:
    spec = tiny("q4", tied=False)
    path, entries = written(tmp_path, packed(spec, random_weights(spec)))
    stored = StoredWeights(spec, path, [entry for entry in entries if entry.name != "lm_head.q_scale"])
    with pytest.raises(WeightsError, match=r"lm_head\.q_scale"):
        stored.read("lm_head.weight")


def test_without_torch_the_error_says_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = tiny("q4", tied=False)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(LabError, match="torch") as caught:
        reference_logits(spec, StoredWeights(spec, tmp_path / "weights.bin", []), IDS, NullProgress())
    assert caught.value.hint is not None
    assert "pip install -e '.[verify]'" in caught.value.hint
