"""The presets: each network's numbers with where they come from."""

from __future__ import annotations

from dataclasses import replace

from lab.models.family import COPIES, Preset
from lab.models.phi3small.config import Phi3SmallConfig

_8K = Phi3SmallConfig(
    hidden_size=4096,
    intermediate_size=14336,
    num_hidden_layers=32,
    num_attention_heads=32,
    num_key_value_heads=8,
    vocab_size=100352,
    max_position_embeddings=8192,
    original_max_position_embeddings=8192,
    rms_norm_eps=1e-5,
    rope_theta=1e6,
    tie_word_embeddings=True,
    gegelu_limit=20.0,
    embedding_multiplier=10.0,
    attention_multiplier=1.0,
    width_multiplier=8.0,
)
_128K = replace(
    _8K,
    max_position_embeddings=131072,
    rope_short_factor=(1.0,) * 64,
    rope_long_factor=(16.0,) * 64,
)

PRESETS: dict[str, Preset] = {
    preset.name: preset
    for preset in (
        Preset(
            "phi3-small",
            _8K,
            f"config.json of microsoft/Phi-3-small-8k-instruct; {COPIES}",
        ),
        Preset(
            "phi3-small-128k",
            _128K,
            "config.json of microsoft/Phi-3-small-128k-instruct, as public listings have it",
            "its LongRoPE factors were found in no copy: 1 for short contexts and 16, the stretch, for long ones stand "
            "in for them; a folder's config.json brings its own, and speed and memory do not depend on them",
        ),
    )
}
