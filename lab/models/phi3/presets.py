"""The presets: each network's numbers with where they come from."""

from __future__ import annotations

from dataclasses import replace

from lab.models.family import Preset
from lab.models.phi3 import longrope
from lab.models.phi3.config import Phi3Config

_MINI_4K = Phi3Config(
    hidden_size=3072,
    intermediate_size=8192,
    num_hidden_layers=32,
    num_attention_heads=32,
    num_key_value_heads=32,
    vocab_size=32064,
    max_position_embeddings=4096,
    original_max_position_embeddings=4096,
    rms_norm_eps=1e-5,
    rope_theta=10000.0,
    sliding_window=2047,
)

_MINI_128K = replace(
    _MINI_4K,
    max_position_embeddings=131072,
    sliding_window=262144,
    rope_short_factor=longrope.MINI_128K_SHORT,
    rope_long_factor=longrope.MINI_128K_LONG,
)

_MINI_35 = replace(
    _MINI_128K,
    rope_short_factor=longrope.MINI_35_SHORT,
    rope_long_factor=longrope.MINI_35_LONG,
)

_MEDIUM_4K = Phi3Config(
    hidden_size=5120,
    intermediate_size=17920,
    num_hidden_layers=40,
    num_attention_heads=40,
    num_key_value_heads=10,
    vocab_size=32064,
    max_position_embeddings=4096,
    original_max_position_embeddings=4096,
    rms_norm_eps=1e-5,
    rope_theta=10000.0,
    sliding_window=2047,
)

_MEDIUM_128K = replace(
    _MEDIUM_4K,
    max_position_embeddings=131072,
    sliding_window=131072,
    rope_short_factor=longrope.MEDIUM_128K_SHORT,
    rope_long_factor=longrope.MEDIUM_128K_LONG,
)

_COPIES = "checked against copies of that file in public repositories"

PRESETS: dict[str, Preset] = {
    preset.name: preset
    for preset in (
        Preset(
            "phi3-mini",
            _MINI_4K,
            f"config.json of microsoft/Phi-3-mini-4k-instruct; {_COPIES}",
        ),
        Preset(
            "phi3-mini-128k",
            _MINI_128K,
            f"config.json of microsoft/Phi-3-mini-128k-instruct, update of June 2024; {_COPIES}",
        ),
        Preset(
            "phi3.5-mini",
            _MINI_35,
            f"config.json of microsoft/Phi-3.5-mini-instruct; {_COPIES}",
        ),
        Preset(
            "phi3-medium",
            _MEDIUM_4K,
            "config.json of microsoft/Phi-3-medium-4k-instruct; sizes checked against published listings, "
            "the sliding window against no second copy",
        ),
        Preset(
            "phi3-medium-128k",
            _MEDIUM_128K,
            "config.json of microsoft/Phi-3-medium-128k-instruct; sizes checked against published listings",
            "its LongRoPE factors and sliding window were checked against no second copy; "
            "speed and memory do not depend on the factors",
        ),
    )
}
