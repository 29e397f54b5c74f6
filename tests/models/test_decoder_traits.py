"""The traits of decoders: the numpy reference against transformers' own networks, tensors, folders and keys."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from safetensors.numpy import save_file

from lab.core.errors import ModelError, WeightsError
from lab.core.progress import NullProgress
from lab.formats.bundle import load_manifest
from lab.models import params
from lab.models.catalog import custom
from lab.models.convert import convert
from lab.models.decoder.tensors import decoder_tensors
from lab.models.families import FAMILIES, digestible
from lab.models.phi3.config import Phi3Config
from lab.models.quant import F32, SCHEMES
from lab.models.sources import open_folder
from lab.models.sources.stored import checked, fused
from lab.models.sources.synthetic import SyntheticSource
from lab.models.sources.tensors import read_table
from lab.models.torch_reference import StoredWeights
from tests.models import trait_family as traits
from tests.models.oracle import rel_error

IDS = [3, 141, 59, 26, 5, 35, 89, 79, 3, 200]


@pytest.fixture(autouse=True)
def row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FAMILIES, traits.NAME, traits.ROW)


def plain(config: traits.TraitConfig) -> dict[str, Any]:
    """What configurations of transformers call alike."""
    names = "hidden_size intermediate_size num_hidden_layers num_attention_heads num_key_value_heads vocab_size"
    same = {name: getattr(config, name) for name in (*names.split(), "max_position_embeddings", "tie_word_embeddings")}
    rope = {"rope_theta": config.rope_theta, "rope_type": "default"}
    if config.partial_rotary_factor != 1:
        rope |= {"partial_rotary_factor": config.partial_rotary_factor}
    tokens = {"attn_implementation": "eager", "pad_token_id": 0, "bos_token_id": None, "eos_token_id": None}
    return {**same, "rope_parameters": rope, **tokens}


def theirs(name: str) -> Any:
    """transformers' network of that name, with weights large enough that every trait counts."""
    config = traits.ALL[name]
    same, eps = plain(config), {"rms_norm_eps": config.norm_eps}
    made = {
        "phi2": lambda: transformers.PhiForCausalLM(
            transformers.PhiConfig(**same, layer_norm_eps=config.norm_eps, hidden_act="gelu_new")
        ),
        "gemma": lambda: transformers.GemmaForCausalLM(
            transformers.GemmaConfig(**same, **eps, head_dim=config.head_dim)
        ),
        "qwen2": lambda: transformers.Qwen2ForCausalLM(transformers.Qwen2Config(**same, **eps)),
        "phi4-mini": lambda: transformers.Phi3ForCausalLM(transformers.Phi3Config(**same, **eps)),
        "llama": lambda: transformers.LlamaForCausalLM(
            transformers.LlamaConfig(**same, **eps, head_dim=config.head_dim, attention_bias=True, mlp_bias=True)
        ),
    }[name]()
    torch.manual_seed(1)
    with torch.no_grad():
        for weights in made.parameters():
            weights.copy_(torch.randn(weights.shape) * (0.2 if weights.ndim == 2 else 0.3) + (weights.ndim == 1))
    return made.eval()


def stored(model: Any, config: traits.TraitConfig, folder: Path) -> Path:
    """A Hugging Face folder of the network's weights."""
    values = {name: value.numpy() for name, value in model.state_dict().items()}
    if config.tie_word_embeddings:
        del values["lm_head.weight"]
    save_file(values, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(traits.TRAITS.document(config)))
    return folder


def reference(config: traits.TraitConfig, weights: Mapping[str, F32], ids: list[int]) -> tuple[F32, list[str]]:
    """The numpy reference's logits, and the names in the order in which it asked for them."""
    asked = []

    def product(name: str, x: F32) -> F32:
        asked.append(name)
        return x @ weights[name].T

    def vector(name: str) -> F32:
        asked.append(name)
        return weights[name]

    embedded = weights[traits.TRAITS.embedding][ids]
    return traits.TRAITS.logits(config, embedded, product, vector), asked


def synthetic(config: traits.TraitConfig) -> dict[str, F32]:
    source = SyntheticSource(config, 1)
    shapes = {tensor.hf_name: tensor.shape for tensor in decoder_tensors(config)}
    return {n: source.vector(n) if len(s) == 1 else source.read_rows(n, 0, s[0]) for n, s in shapes.items()}


@pytest.mark.parametrize("name", [name for name in traits.ALL if name != "phi3-small"])
def test_the_reference_is_what_transformers_computes(name: str, tmp_path: Path) -> None:
    config, model = traits.ALL[name], theirs(name)
    table = read_table(stored(model, config, tmp_path) / "model.safetensors")
    tensors = checked(tmp_path, config, fused(config, table))
    weights = {n: tensor.rows(0, tensor.shape[0]) for n, tensor in tensors.items()}
    weights = {n: w if w.ndim == 2 else traits.TRAITS.adjusted(config, n, w) for n, w in weights.items()}
    with torch.no_grad():
        want = model(torch.tensor([IDS])).logits[0, -1].numpy()
    assert rel_error(reference(config, weights, IDS)[0], want) < 1e-5


@pytest.mark.parametrize("limit", [1.5, None])
def test_gegelu_is_what_phi3_small_computes(limit: float | None) -> None:
    from lab.models.decoder.reference import activated

    rows = torch.randn(5, 2 * 96, generator=torch.manual_seed(2)) * 3
    gate, up = rows.chunk(2, dim=-1)
    if limit is not None:
        gate, up = gate.clamp(max=limit), up.clamp(-limit, limit)
    want = gate * torch.sigmoid(1.702 * gate) * (up + 1)
    got = activated(traits.Activation("gegelu", limit=limit), rows.numpy())
    assert rel_error(got, want.numpy()) < 1e-6


@pytest.mark.parametrize("name", traits.ALL)
def test_the_reference_asks_in_the_order_of_the_tensors_and_counts_are_theirs(name: str) -> None:
    config = traits.ALL[name]
    logits, asked = reference(config, synthetic(config), IDS)
    wanted = [tensor.hf_name for tensor in decoder_tensors(config)]
    assert asked == [*wanted[1:], *([wanted[0]] if config.tie_word_embeddings else [])]
    assert logits.shape == (config.vocab_size,)
    sizes = [int(np.prod(tensor.shape)) for tensor in decoder_tensors(config)]
    assert config.parameters == sum(sizes)
    matrices = [t for t in decoder_tensors(config) if len(t.shape) == 2 and t.hf_name.startswith("model.layers.")]
    assert config.layer_weights == sum(int(np.prod(tensor.shape)) for tensor in matrices)


def test_every_trait_counts() -> None:
    """Of a network that has all of them, leaving out one changes the logits: so a test that agrees has seen it."""
    full = replace(traits.PHI3_SMALL, num_key_value_heads=2, partial_rotary_factor=0.5, tie_word_embeddings=False)
    full = replace(full, head_bias=True)
    weights = {name: w * 10 if w.ndim == 2 else w for name, w in synthetic(full).items()}
    want = reference(full, weights, IDS)[0]
    bare = traits.config()
    names = [one.name for one in fields(full) if getattr(full, one.name) != getattr(bare, one.name)]
    for name in set(names) - {"interleaved", "num_key_value_heads"}:
        got = reference(replace(full, **{name: getattr(bare, name)}), weights, IDS)[0]
        assert rel_error(got, want) > 1e-3, name


def test_a_folder_is_renamed_reordered_and_adjusted_and_given_back(tmp_path: Path) -> None:
    config = replace(traits.PHI3_SMALL, norm_plus_one=True)
    rng = np.random.default_rng(3)
    kept = {
        traits.TRAITS.stored_as(t.hf_name): rng.standard_normal(t.shape).astype(np.float32)
        for t in decoder_tensors(config)
    }
    folder = tmp_path / "folder"
    folder.mkdir()
    save_file(kept, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(traits.TRAITS.document(config)))
    source = open_folder(folder, config)

    base = "model.layers.1"
    rows = kept[f"{base}.mlp.gate_up_proj.weight"]
    halves = np.concatenate([rows[0::2], rows[1::2]])
    name = f"{base}.mlp.gate_up_proj.weight"
    assert np.array_equal(source.read_rows(name, 40, 130), halves[40:130])
    bias = kept[f"{base}.mlp.gate_up_proj.bias"]
    assert np.array_equal(source.vector(f"{base}.mlp.gate_up_proj.bias"), np.concatenate([bias[0::2], bias[1::2]]))
    norm = kept["model.final_layernorm.weight"]
    assert np.array_equal(source.vector("model.norm.weight"), norm + np.float32(1))
    assert np.array_equal(source.vector("model.norm.bias"), kept["model.final_layernorm.bias"])

    spec = custom(config, SCHEMES["f32"], "traits-f32")
    weights = convert(spec, source, tmp_path, NullProgress())
    back = StoredWeights(spec, weights / "weights.bin", load_manifest(weights, "weights").tensors)
    for stored_name, values in kept.items():
        assert np.allclose(back.read(stored_name), values, rtol=0, atol=1e-6), stored_name
    assert np.array_equal(back.read("lm_head.weight"), kept["model.embed_tokens.weight"])


def test_what_a_checkpoint_lacks_is_named_as_checkpoints_call_it(tmp_path: Path) -> None:
    config = traits.PHI2
    kept = {traits.TRAITS.stored_as(t.hf_name): np.zeros(t.shape, np.float32) for t in decoder_tensors(config)}
    del kept["model.layers.1.self_attn.dense.bias"]
    save_file(kept, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps(traits.TRAITS.document(config)))
    with pytest.raises(WeightsError, match=r"^model\.layers\.1\.self_attn\.dense\.bias: missing from "):
        open_folder(tmp_path, config)


def test_parameters_have_biases_right_after_their_weights() -> None:
    config = traits.PHI2
    names = [param.name for param in params.param_specs(config, SCHEMES["q4"])]
    base = "model.layers.0"
    assert names[2:9] == [
        f"{base}.input_layernorm.weight",
        f"{base}.input_layernorm.bias",
        f"{base}.self_attn.qkv_proj.q_weight",
        f"{base}.self_attn.qkv_proj.q_scale",
        f"{base}.self_attn.qkv_proj.bias",
        f"{base}.self_attn.o_proj.q_weight",
        f"{base}.self_attn.o_proj.q_scale",
    ]
    assert names[-3:] == ["lm_head.q_weight", "lm_head.q_scale", "lm_head.bias"]
    biases = [param for param in params.param_specs(config, SCHEMES["q4"]) if param.name.endswith(".bias")]
    assert {(param.part, param.dtype) for param in biases} == {("w", "float32")}


def test_synthetic_biases_lie_around_zero() -> None:
    source = SyntheticSource(traits.PHI2)
    assert abs(float(source.vector("model.layers.0.mlp.up_proj.bias").mean())) < 0.05
    assert abs(float(source.vector("model.norm.weight").mean()) - 1) < 0.05


def test_what_came_later_is_not_digested_at_its_default() -> None:
    sizes = digestible(Phi3Config(64, 96, 2, 4, 2, 211, 128, 128))
    assert not {"head_size", "partial_rotary_factor"} & set(sizes)
    assert digestible(Phi3Config(64, 96, 2, 4, 2, 211, 128, 128, head_size=24)) == {**sizes, "head_size": 24}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"head_size": 15}, "head_dim is 15; it must be an even number"),
        ({"head_size": 0}, "head_dim is 0; it must be an even number"),
        ({"partial_rotary_factor": 1.5}, "partial_rotary_factor is 1.5; of a head's 16 elements"),
        ({"partial_rotary_factor": 0.2}, "partial_rotary_factor is 0.2; of a head's 16 elements"),
        ({"partial_rotary_factor": float("nan")}, "partial_rotary_factor is nan"),
        ({"head_bias": True, "tie_word_embeddings": True}, "a head that is tied to the embedding has no bias"),
    ],
)
def test_numbers_that_contradict_each_other_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        traits.config(**changes)


def test_heads_that_the_kernels_cannot_take_are_refused() -> None:
    with pytest.raises(ModelError, match="4 heads of 10 are 40; the kernels need a multiple of 32"):
        params.check_sizes(traits.config(head_size=10))
