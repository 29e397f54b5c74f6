"""The presets: each network's numbers with where they come from."""

from __future__ import annotations

from dataclasses import replace

from lab.models.family import COPIES, Preset
from lab.models.llama.config import LlamaConfig, Qwen2Config, RopeScaling

_CHUXIN = LlamaConfig(
    hidden_size=2048,
    intermediate_size=5632,
    num_hidden_layers=24,
    num_attention_heads=32,
    num_key_value_heads=32,
    vocab_size=102400,
    max_position_embeddings=4096,
    original_max_position_embeddings=4096,
    rms_norm_eps=1e-5,
    rope_theta=10000.0,
)

_LLAMA_32_1B = LlamaConfig(
    hidden_size=2048,
    intermediate_size=8192,
    num_hidden_layers=16,
    num_attention_heads=32,
    num_key_value_heads=8,
    vocab_size=128256,
    max_position_embeddings=131072,
    original_max_position_embeddings=8192,
    rms_norm_eps=1e-5,
    rope_theta=500000.0,
    tie_word_embeddings=True,
    rope_scaling=RopeScaling("llama3", 32.0, 1.0, 4.0),
)
# Without the divisors of its sibling, which has another head size: a configuration derives them.
_LLAMA_32_3B = replace(
    _LLAMA_32_1B,
    hidden_size=3072,
    num_hidden_layers=28,
    num_attention_heads=24,
    rope_short_factor=None,
    rope_long_factor=None,
)

_SMOLLM2_135M = LlamaConfig(
    hidden_size=576,
    intermediate_size=1536,
    num_hidden_layers=30,
    num_attention_heads=9,
    num_key_value_heads=3,
    vocab_size=49152,
    max_position_embeddings=8192,
    original_max_position_embeddings=8192,
    rms_norm_eps=1e-5,
    rope_theta=100000.0,
    tie_word_embeddings=True,
)
_SMOLLM2_360M = replace(
    _SMOLLM2_135M,
    hidden_size=960,
    intermediate_size=2560,
    num_hidden_layers=32,
    num_attention_heads=15,
    num_key_value_heads=5,
)
_SMOLLM2_17B = replace(
    _SMOLLM2_135M,
    hidden_size=2048,
    intermediate_size=8192,
    num_hidden_layers=24,
    num_attention_heads=32,
    num_key_value_heads=32,
    rope_theta=130000.0,
)

_QWEN25_05B = Qwen2Config(
    hidden_size=896,
    intermediate_size=4864,
    num_hidden_layers=24,
    num_attention_heads=14,
    num_key_value_heads=2,
    vocab_size=151936,
    max_position_embeddings=32768,
    original_max_position_embeddings=32768,
    rms_norm_eps=1e-6,
    rope_theta=1000000.0,
    tie_word_embeddings=True,
)
_QWEN25_15B = replace(
    _QWEN25_05B, hidden_size=1536, intermediate_size=8960, num_hidden_layers=28, num_attention_heads=12
)
_QWEN25_3B = replace(
    _QWEN25_05B, hidden_size=2048, intermediate_size=11008, num_hidden_layers=36, num_attention_heads=16
)
_QWEN25_7B = replace(
    _QWEN25_05B,
    hidden_size=3584,
    intermediate_size=18944,
    num_hidden_layers=28,
    num_attention_heads=28,
    num_key_value_heads=4,
    vocab_size=152064,
    tie_word_embeddings=False,
)

LLAMA_PRESETS: dict[str, Preset] = {
    preset.name: preset
    for preset in (
        Preset(
            "chuxin-1.6b",
            _CHUXIN,
            "config.json of chuxin-llm/Chuxin-1.6B-Base; sizes checked against arXiv 2405.04828",
        ),
        Preset("llama3.2-1b", _LLAMA_32_1B, f"config.json of meta-llama/Llama-3.2-1B-Instruct; {COPIES}"),
        Preset("llama3.2-3b", _LLAMA_32_3B, f"config.json of meta-llama/Llama-3.2-3B-Instruct; {COPIES}"),
        Preset("smollm2-135m", _SMOLLM2_135M, f"config.json of HuggingFaceTB/SmolLM2-135M; {COPIES}"),
        Preset(
            "smollm2-360m",
            _SMOLLM2_360M,
            "config.json of HuggingFaceTB/SmolLM2-360M; sizes checked against pytorch/torchtune",
        ),
        Preset(
            "smollm2-1.7b",
            _SMOLLM2_17B,
            "config.json of HuggingFaceTB/SmolLM2-1.7B; sizes and rotary base checked against pytorch/torchtune",
        ),
    )
}

QWEN2_PRESETS: dict[str, Preset] = {
    name: Preset(name, config, f"config.json of Qwen/Qwen2.5-{size}-Instruct; {COPIES} and pytorch/torchtune")
    for name, size, config in (
        ("qwen2.5-0.5b", "0.5B", _QWEN25_05B),
        ("qwen2.5-1.5b", "1.5B", _QWEN25_15B),
        ("qwen2.5-3b", "3B", _QWEN25_3B),
        ("qwen2.5-7b", "7B", _QWEN25_7B),
    )
}
