"""The presets: each network's numbers with where they come from."""

from __future__ import annotations

from dataclasses import replace

from lab.models.family import COPIES, Preset
from lab.models.phi2.config import Phi2Config

PHI_2 = Phi2Config(
    hidden_size=2560,
    intermediate_size=10240,
    num_hidden_layers=32,
    num_attention_heads=32,
    num_key_value_heads=32,
    vocab_size=51200,
    max_position_embeddings=2048,
    original_max_position_embeddings=2048,
    rms_norm_eps=1e-5,
    rope_theta=10000.0,
    partial_rotary_factor=0.4,
)

_PHI_1_5 = replace(PHI_2, hidden_size=2048, intermediate_size=8192, num_hidden_layers=24, partial_rotary_factor=0.5)

PRESETS: dict[str, Preset] = {
    preset.name: preset
    for preset in (
        Preset("phi2", PHI_2, f"config.json of microsoft/phi-2; {COPIES}"),
        Preset("phi1.5", _PHI_1_5, f"config.json of microsoft/phi-1_5; {COPIES}"),
    )
}
