"""The presets of the families after Phi-3, and what their readers refuse."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lab.core.errors import ModelError
from lab.models.families import family_of, presets, read_config
from lab.models.llama.config import LlamaConfig, RopeScaling
from tests.models import small_families

# Weights, head size, longest context and theta as model cards and safetensors listings give them.
PUBLISHED = {
    "chuxin-1.6b": (1_652_656_128, 64, 4096, 10000.0),
    "llama3.2-1b": (1_235_814_400, 64, 131072, 500000.0),
    "llama3.2-3b": (3_212_749_824, 128, 131072, 500000.0),
    "smollm2-135m": (134_515_008, 64, 8192, 100000.0),
    "smollm2-360m": (361_821_120, 64, 8192, 100000.0),
    "smollm2-1.7b": (1_711_376_384, 64, 8192, 130000.0),
    "qwen2.5-0.5b": (494_032_768, 64, 32768, 1000000.0),
    "qwen2.5-1.5b": (1_543_714_304, 128, 32768, 1000000.0),
    "qwen2.5-3b": (3_085_938_688, 128, 32768, 1000000.0),
    "qwen2.5-7b": (7_615_616_512, 128, 32768, 1000000.0),
    "gemma-2b": (2_506_172_416, 256, 8192, 10000.0),
    "octopus-v2": (2_506_172_416 + 22 * 2048, 256, 8192, 10000.0),  # gemma-2b and 22 tokens
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_presets_have_the_published_sizes(name: str) -> None:
    config: Any = presets()[name].config
    assert (config.parameters, config.head_dim, config.max_position_embeddings, config.rope_theta) == PUBLISHED[name]
    assert presets()[name].source.startswith("config.json of ")
    assert presets()[name].problem is None


@pytest.mark.parametrize("name", PUBLISHED)
def test_presets_survive_their_config_json(name: str) -> None:
    config = presets()[name].config
    assert read_config(json.loads(json.dumps(family_of(config).document(config)))) == config


def test_frequencies_of_llama_3_2_are_slowed_down_32_times_at_the_low_end_only() -> None:
    divisors = presets()["llama3.2-1b"].config.rope_short_factor
    assert divisors is not None
    assert divisors == presets()["llama3.2-1b"].config.rope_long_factor
    assert divisors[:10] == (1.0,) * 10
    assert divisors[-10:] == (32.0,) * 10
    assert list(divisors) == sorted(divisors)


LLAMA3 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}
REFUSED: dict[str, tuple[str, dict[str, Any], str]] = {
    "no size": ("llama", {"hidden_size": None}, "hidden_size must be an integer"),
    "heads that do not share": ("llama", {"num_key_value_heads": 3}, "4 attention heads can't share 3"),
    "an odd head": ("llama", {"head_dim": 33}, "head_dim is 33"),
    "another activation": ("llama", {"hidden_act": "gelu"}, "hidden_act is 'gelu'; only 'silu'"),
    "a bias that is no switch": ("llama", {"attention_bias": "no"}, "attention_bias must be true or false"),
    "experts": ("llama", {"num_local_experts": 8}, "num_local_experts: a mixture of experts"),
    "images": ("llama", {"vision_config": {"hidden_size": 8}}, "vision_config: images"),
    "quantised before": ("llama", {"quantization_config": {"bits": 4}}, "quantization_config: weights that are"),
    "quantised for MLX": ("llama", {"quantization": {"bits": 4}}, "quantization: weights that are"),
    "pairs side by side": ("llama", {"rope_interleaved": True}, "rope_interleaved: "),
    "yarn": ("llama", {"rope_scaling": {"type": "yarn", "factor": 4.0, "beta_fast": 32}}, "rope_scaling type 'yarn'"),
    "dynamic": ("llama", {"rope_scaling": {"rope_type": "dynamic", "factor": 2.0}}, "rope_scaling type 'dynamic'"),
    "dynamic, as transformers 5 has it": (
        "llama",
        {"rope_scaling": None, "rope_parameters": {"rope_type": "dynamic", "factor": 2.0}},
        "rope_parameters type 'dynamic'",
    ),
    "an unknown key": ("llama", {"rope_scaling": {**LLAMA3, "beta": 1}}, "rope_scaling.beta is not known"),
    "no factor": ("llama", {"rope_scaling": {"rope_type": "linear"}}, "rope_scaling: factor is missing"),
    "a factor of 0": ("llama", {"rope_scaling": {"rope_type": "linear", "factor": 0}}, "factor is 0.0"),
    "no low end": (
        "llama",
        {"rope_scaling": {"rope_type": "llama3", "factor": 8.0, "high_freq_factor": 4.0}},
        "rope_scaling: low_freq_factor is missing",
    ),
    "ends that are swapped": (
        "llama",
        {"rope_scaling": {**LLAMA3, "low_freq_factor": 4.0, "high_freq_factor": 1.0}},
        "rope_scaling: low_freq_factor is 4.0",
    ),
    "a part of the head": ("llama", {"partial_rotary_factor": 0.5}, "partial_rotary_factor: Llama rotates whole heads"),
    "a window": ("qwen2", {"use_sliding_window": True}, "use_sliding_window is true"),
    "a window by layer": ("qwen2", {"layer_types": ["full_attention", "sliding_attention"]}, "layer_types: only"),
    "key heads that nobody named": ("qwen2", {"num_key_value_heads": None}, "num_key_value_heads must be an integer"),
    "the exact GELU's other name": ("gemma", {"hidden_act": "gelu_new"}, "hidden_act is 'gelu_new'"),
    "no head size": ("gemma", {"head_dim": None}, "head_dim must be an integer"),
    "of the second generation": ("gemma", {"attn_logit_softcapping": 50.0}, "attn_logit_softcapping: a Gemma of the"),
    "both directions": ("gemma", {"use_bidirectional_attention": True}, "use_bidirectional_attention: "),
    "stretched": ("gemma", {"rope_scaling": {"type": "linear"}}, "rope_scaling type 'linear'"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_computed_is_refused_by_file_and_key(case: str) -> None:
    name, change, message = REFUSED[case]
    config = small_families.ALL[name]
    with pytest.raises(ModelError) as caught:
        read_config(family_of(config).document(config) | change, "there/config.json")
    assert caught.value.what.startswith("there/config.json: ")
    assert message in caught.value.what


def test_the_original_context_is_read_at_the_top_before_inside_and_else_is_the_longest() -> None:
    document = family_of(small_families.LLAMA).document(small_families.LLAMA)
    key = "original_max_position_embeddings"
    inside = {**document, "rope_scaling": {**LLAMA3, key: 32}}
    assert read_config(inside).original_max_position_embeddings == 32
    assert read_config({**inside, key: 64}).original_max_position_embeddings == 64
    assert read_config({**document, "rope_scaling": LLAMA3}).original_max_position_embeddings == 256


def test_a_passage_between_frequencies_needs_two_ends() -> None:
    with pytest.raises(ModelError, match="the first must be below the second"):
        RopeScaling("llama3", 8.0)


def test_a_head_size_that_follows_from_the_others_is_the_same_network() -> None:
    document = family_of(small_families.LLAMA).document(small_families.LLAMA)
    assert document["head_dim"] == 32
    assert read_config({key: value for key, value in document.items() if key != "head_dim"}) == small_families.LLAMA


def test_the_biases_of_a_llama_are_tensors_beside_their_matrices() -> None:
    config = small_families.BIASED
    assert isinstance(config, LlamaConfig)
    names = [one.hf_name for one in family_of(config).tensors(config) if one.hf_name.startswith("model.layers.0.")]
    assert sorted(name.removeprefix("model.layers.0.") for name in names if name.endswith("bias")) == [
        "mlp.down_proj.bias",
        "mlp.gate_up_proj.bias",
        "self_attn.o_proj.bias",
        "self_attn.qkv_proj.bias",
    ]
