"""Small networks of every family but Phi-3 as it was first, with each trait that the family has."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from lab.models.decoder.config import DecoderConfig
from lab.models.gemma.config import GemmaConfig
from lab.models.llama.config import LlamaConfig, Qwen2Config, RopeScaling
from lab.models.phi3.config import Phi3Config

SIZES: dict[str, Any] = {
    "hidden_size": 128,
    "intermediate_size": 192,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 331,
    "max_position_embeddings": 256,
    "original_max_position_embeddings": 256,
}
LLAMA = LlamaConfig(**SIZES)
# 32 tokens of original context: of 16 frequencies some are kept, some are in the passage, some are slowed down.
LLAMA3 = LlamaConfig(
    **{**SIZES, "original_max_position_embeddings": 32},
    rope_theta=1000.0,
    tie_word_embeddings=True,
    rope_scaling=RopeScaling("llama3", 8.0, 1.0, 4.0),
)
LINEAR = replace(LLAMA, rope_scaling=RopeScaling("linear", 4.0))
BIASED = replace(LLAMA, attention_bias=True, mlp_bias=True, head_size=48)
QWEN2 = Qwen2Config(**SIZES, rms_norm_eps=1e-6, rope_theta=1000000.0, tie_word_embeddings=True)
GEMMA = GemmaConfig(**{**SIZES, "num_key_value_heads": 1}, head_size=64, rms_norm_eps=1e-6, tie_word_embeddings=True)
PHI4 = Phi3Config(
    **{**SIZES, "original_max_position_embeddings": 64},
    tie_word_embeddings=True,
    partial_rotary_factor=0.75,
    rope_short_factor=(1.0,) * 12,
    rope_long_factor=tuple(1.0 + 0.5 * i for i in range(12)),
)
ALL: dict[str, DecoderConfig] = {
    "llama": LLAMA,
    "llama3 rope": LLAMA3,
    "linear rope": LINEAR,
    "biases, own head size": BIASED,
    "qwen2": QWEN2,
    "gemma": GEMMA,
    "phi4": PHI4,
}
