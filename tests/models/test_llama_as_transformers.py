"""config.json of Llama, Qwen2 and Gemma is read as transformers reads it: rotary tables, heads, biases, tied head."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch
import transformers

from lab.models.decoder.config import DecoderConfig
from lab.models.families import family_of, read_config
from tests.models import small_families
from tests.models.test_config_as_transformers import tables

LLAMA3 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}
ORIGINAL = "original_max_position_embeddings"
ABSENT = object()
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "as it is": ("llama", {}),
    "theta nowhere": ("llama", {"rope_theta": ABSENT}),
    "theta as an integer": ("llama", {"rope_theta": 250000}),
    "theta inside": ("llama", {"rope_theta": ABSENT, "rope_parameters": {"rope_type": "default", "rope_theta": 777.0}}),
    "theta inside and outside": ("llama", {"rope_parameters": {"rope_type": "default", "rope_theta": 777.0}}),
    "two names of the type": ("llama", {"rope_scaling": {"type": "linear", "rope_type": "default", "factor": 2.0}}),
    "linear by its old name": ("llama", {"rope_scaling": {"type": "linear", "factor": 2.5}}),
    "linear with a whole factor": ("llama", {"rope_scaling": {"rope_type": "linear", "factor": 4}}),
    "llama3": ("llama", {"rope_scaling": {**LLAMA3, ORIGINAL: 32}}),
    "llama3 with its original context nowhere": ("llama", {"rope_scaling": LLAMA3}),
    "llama3 with its original context at the top too": (
        "llama",
        {"rope_scaling": {**LLAMA3, ORIGINAL: 32}, ORIGINAL: 64},
    ),
    "llama3 in rope_parameters": ("llama", {"rope_parameters": {**LLAMA3, ORIGINAL: 32, "rope_theta": 500.0}}),
    "rope_scaling before rope_parameters": (
        "llama",
        {"rope_scaling": {**LLAMA3, ORIGINAL: 32}, "rope_parameters": {"rope_type": "linear", "factor": 2.0}},
    ),
    "llama3 that shortens": ("llama", {"rope_scaling": {**LLAMA3, "factor": 0.5, ORIGINAL: 32}}),
    "a head of its own size": ("llama", {"head_dim": 48}),
    "key heads that nobody named": ("llama", {"num_key_value_heads": None}),
    "no word of the head": ("llama", {"tie_word_embeddings": ABSENT}),
    "all biases": ("llama", {"attention_bias": True, "mlp_bias": True}),
    "what llamas of old say besides": ("llama", {"pretraining_tp": 1, "rope_interleaved": False, "use_cache": True}),
    "Qwen2": ("qwen2", {"sliding_window": 32768, "max_window_layers": 28, "use_mrope": False}),
    "Qwen2 with its layers": ("qwen2", {"layer_types": ["full_attention"] * 2}),
    "Qwen2 with linear positions": ("qwen2", {"rope_scaling": {"type": "linear", "factor": 2.0}}),
    "Gemma": ("gemma", {}),
    "Gemma as it was first": ("gemma", {"hidden_act": "gelu", "hidden_activation": None}),
    "Gemma with no word of the activation": ("gemma", {"hidden_act": ABSENT, "hidden_activation": "gelu_pytorch_tanh"}),
    "Gemma with no word of the head": ("gemma", {"tie_word_embeddings": ABSENT}),
    "Gemma with theta": ("gemma", {"rope_theta": 500.0}),
}


@pytest.mark.parametrize("case", CASES)
def test_it_is_read_as_transformers_reads_it(case: str) -> None:
    name, change = CASES[case]
    document = {**family_of(small_families.ALL[name]).document(small_families.ALL[name]), **change}
    document = {key: value for key, value in document.items() if value is not ABSENT}
    config: Any = read_config(json.loads(json.dumps(document)))
    network = getattr(transformers, document["architectures"][0])
    theirs = network.config_class(**{k: v for k, v in json.loads(json.dumps(document)).items() if k != "model_type"})
    for length in (8, 100, 300):
        _same_tables(config, theirs, length)
    for key in ("tie_word_embeddings", "num_key_value_heads", "rms_norm_eps"):
        assert getattr(config, key) == getattr(theirs, key), key
    with torch.device("meta"):
        model = network(theirs)
    shapes = {name: tuple(value.shape) for name, value in model.named_parameters()}
    attention = model.model.layers[0].self_attn
    assert attention.head_dim == config.head_dim
    assert ("model.layers.0.self_attn.q_proj.bias" in shapes) == config.qkv_bias
    assert ("model.layers.0.self_attn.o_proj.bias" in shapes) == config.out_bias
    assert ("model.layers.0.mlp.down_proj.bias" in shapes) == config.mlp_bias
    assert sum(value.numel() for value in model.parameters()) == config.parameters


def _same_tables(config: DecoderConfig, theirs: Any, length: int) -> None:
    rotary = getattr(transformers.models, theirs.model_type)
    module = getattr(rotary, f"modeling_{theirs.model_type}")
    title = {"llama": "Llama", "qwen2": "Qwen2", "gemma": "Gemma"}[theirs.model_type]
    cos, sin = getattr(module, f"{title}RotaryEmbedding")(theirs)(torch.zeros(1, length, 1), torch.arange(length)[None])
    for mine, other in zip(tables(config, length), (cos, sin), strict=True):
        np.testing.assert_allclose(mine, other[0, :, : config.rotary_dim // 2].numpy(), atol=1e-4)
