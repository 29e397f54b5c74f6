"""Phi-2: its config.json as transformers reads it, its names in checkpoints and GGUFs, its logits."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
import torch
import transformers
from safetensors.torch import save_file

from lab.core.errors import ModelError
from lab.core.progress import NullProgress
from lab.formats.bundle import load_manifest
from lab.formats.manifest import GGUF_NAME
from lab.models.catalog import custom
from lab.models.convert import convert
from lab.models.families import family_of, read_config
from lab.models.gguf_file import write_gguf
from lab.models.params import tensor_specs
from lab.models.phi2.config import Phi2Config
from lab.models.phi2.presets import PRESETS
from lab.models.quant import F32, SCHEMES
from lab.models.sources import SyntheticSource, open_folder
from lab.models.torch_reference import StoredWeights, reference_logits
from tests.models.oracle import rel_error

QUIET = NullProgress()
TINY = Phi2Config(160, 192, 2, 4, 4, 211, 128, 128, partial_rotary_factor=0.4)  # heads of 40, 16 of them rotated
GROUPED = replace(TINY, num_key_value_heads=2, partial_rotary_factor=0.5)
IDS = [3, 141, 59, 26, 5, 35, 89, 79]


def stored_names(config: Phi2Config) -> dict[str, F32]:
    """Weights by lab's names, large enough that attention and activations are far from linear."""
    rng = np.random.default_rng(1)
    made = {one.hf_name: rng.standard_normal(one.shape).astype(np.float32) for one in tensor_specs(config)}
    return {name: x * np.float32(0.2) if x.ndim == 2 else 1 + np.float32(0.3) * x for name, x in made.items()}


def network_of(config: Phi2Config, weights: Mapping[str, F32] | None = None) -> transformers.PhiForCausalLM:
    """transformers' own network, with those weights."""
    family = family_of(config)
    stored = {family.stored_as(name): value for name, value in (weights or stored_names(config)).items()}
    fields = family.document(config)
    model = transformers.PhiForCausalLM(transformers.PhiConfig(**fields, attn_implementation="eager")).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(torch.from_numpy(np.array(part_of(stored, family.fused(config), name))))
    return model


def part_of(stored: Mapping[str, F32], fused: Mapping[str, Mapping[str, int]], name: str) -> F32:
    """Return a tensor of a checkpoint, which may be rows of a fused one."""
    if name in stored:
        return stored[name]
    for whole_name, parts in fused.items():
        first = 0
        for part, rows in parts.items():
            values = stored.get(name.replace(f".{part}.", f".{whole_name}."))
            if values is not None:
                return values[first : first + rows]
            first += rows
    raise KeyError(name)


def folder_of(config: Phi2Config, model: Any, path: Path) -> Path:
    path.mkdir()
    (path / "config.json").write_text(json.dumps(family_of(config).document(config)))
    save_file({name: value.clone() for name, value in model.state_dict().items()}, path / "model.safetensors")
    return path


@pytest.mark.parametrize("config", [TINY, GROUPED], ids=["phi2", "grouped heads"])
def test_logits_of_a_checkpoint_are_those_of_transformers(config: Phi2Config, tmp_path: Path) -> None:
    theirs = network_of(config)
    source = open_folder(folder_of(config, theirs, tmp_path / "hf"), config)
    weights = {
        one.hf_name: source.read_rows(one.hf_name, 0, one.shape[0])
        if len(one.shape) == 2
        else source.vector(one.hf_name)
        for one in tensor_specs(config)
    }
    family, asked = family_of(config), []

    def product(name: str, x: Any) -> Any:
        asked.append(name)
        return x @ weights[name].T

    def vector(name: str) -> Any:
        asked.append(name)
        return weights[name]

    got = family.logits(config, weights[family.embedding][IDS], product, vector)
    with torch.no_grad():
        want = theirs(torch.tensor([IDS])).logits[0, -1].numpy()
    assert rel_error(got, want) < 1e-5
    assert [family.embedding, *asked] == list(weights)  # each once, in order: conversion is one walk


def test_stored_weights_give_the_same_logits_to_transformers(tmp_path: Path) -> None:
    theirs = network_of(TINY)
    source = open_folder(folder_of(TINY, theirs, tmp_path / "hf"), TINY)
    spec = custom(TINY, SCHEMES["f32"], "tiny-f32")
    folder = convert(spec, source, tmp_path, QUIET)
    manifest = load_manifest(folder, "weights")
    got = reference_logits(spec, StoredWeights(spec, folder / "weights.bin", manifest.tensors), IDS, QUIET)
    with torch.no_grad():
        want = theirs(torch.tensor([IDS])).logits[0].numpy()
    assert rel_error(got, want) < 1e-6


@pytest.mark.parametrize("config", [TINY, GROUPED, *(one.config for one in PRESETS.values())])
def test_a_config_is_read_back_and_is_what_transformers_reads(config: Phi2Config) -> None:
    document = family_of(config).document(config)
    assert read_config(document) == config
    theirs = transformers.PhiConfig(**document)
    assert theirs.rope_parameters["partial_rotary_factor"] == config.partial_rotary_factor
    table = transformers.models.phi.modeling_phi.PhiRotaryEmbedding(theirs).inv_freq
    assert 2 * len(table) == config.rotary_dim
    again = {**theirs.to_dict(), "model_type": "phi"}  # as version 5 writes it: rope_parameters
    assert read_config(again) == config


def test_the_preset_is_phi_2() -> None:
    config = PRESETS["phi2"].config
    assert (config.head_dim, config.rotary_dim, config.num_hidden_layers) == (80, 32, 32)
    with torch.device("meta"):
        theirs = transformers.PhiForCausalLM(transformers.PhiConfig(**family_of(config).document(config)))
    assert config.parameters == sum(one.numel() for one in theirs.parameters()) == 2_779_683_840


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hidden_act": "silu"}, "there/config.json: hidden_act is 'silu'"),
        ({"qk_layernorm": True}, "there/config.json: qk_layernorm is true"),
        ({"rope_scaling": {"type": "linear", "factor": 2.0}}, "there/config.json: rope_scaling type 'linear'"),
        ({"rope_scaling": {"factor": 2.0}}, "there/config.json: rope_scaling.factor is not known"),
        ({"rope_scaling": [1]}, "there/config.json: rope_scaling must be an object"),
        ({"partial_rotary_factor": 0.39}, "there/config.json: partial_rotary_factor is 0.39; of a head's 40 elements"),
        ({"partial_rotary_factor": 1.2}, "there/config.json: partial_rotary_factor is 1.2; of a head's 40 elements"),
        ({"partial_rotary_factor": -1}, "there/config.json: partial_rotary_factor is -1"),
        ({"head_dim": 64}, "there/config.json: head_dim is 64"),
        ({"quantization_config": {"bits": 4}}, "there/config.json: quantization_config"),
        ({"num_local_experts": 8}, "there/config.json: num_local_experts: a mixture of experts is another network"),
        ({"vision_config": {"depth": 3}}, "there/config.json: vision_config: images are the input of another network"),
        ({"num_attention_heads": 7}, "there/config.json: hidden_size 160 does not split into 7 heads"),
        ({"layer_norm_eps": "small"}, "there/config.json: layer_norm_eps must be a number"),
    ],
)
def test_what_it_does_not_compute_is_refused_by_its_key(changes: dict[str, Any], message: str) -> None:
    document = {**family_of(TINY).document(TINY), **changes}
    with pytest.raises(ModelError, match=f"^{re.escape(message)}"):
        read_config(document, "there/config.json")


def test_its_gguf_has_the_names_and_numbers_of_llama_cpp(tmp_path: Path) -> None:
    spec = custom(TINY, SCHEMES["q8"], "tiny-q8")
    folder = write_gguf(spec, SyntheticSource(TINY, 3), tmp_path, QUIET)
    reader = gguf.GGUFReader(folder / GGUF_NAME)
    table = gguf.get_tensor_name_map(gguf.MODEL_ARCH.PHI2, TINY.num_hidden_layers)
    for one, tensor in zip(tensor_specs(TINY), reader.tensors, strict=True):
        name = family_of(TINY).stored_as(one.hf_name)
        assert tensor.name == table.get_name(name, try_suffixes=(".weight", ".bias"))
        assert tuple(reversed(tensor.shape.tolist())) == one.shape
    values = {name: field.contents() for name, field in reader.fields.items() if name.startswith("phi2.")}
    assert values == {
        "phi2.context_length": 128,
        "phi2.embedding_length": 160,
        "phi2.feed_forward_length": 192,
        "phi2.block_count": 2,
        "phi2.attention.head_count": 4,
        "phi2.attention.head_count_kv": 4,
        "phi2.attention.layer_norm_epsilon": pytest.approx(1e-5),
        "phi2.rope.dimension_count": 16,
        "phi2.rope.freq_base": 10000.0,
        "phi2.vocab_size": 211,
    }
    assert np.isfinite(reader.tensors[0].data.view(np.uint8)).all()
