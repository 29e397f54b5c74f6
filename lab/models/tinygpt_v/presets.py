"""The preset: the network's numbers with where they come from."""

from __future__ import annotations

from lab.models.family import Preset
from lab.models.tinygpt_v.config import TinyGptVConfig

TINYGPT_V = TinyGptVConfig(
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

PRESETS: dict[str, Preset] = {
    "tinygpt-v": Preset(
        "tinygpt-v",
        TINYGPT_V,
        "config.json of microsoft/phi-2; modeling_phi.py and minigpt_v2.py of DLYuanGod/TinyGPT-V; eva_vit.py of "
        "Vision-CAIR/MiniGPT-4",
    )
}
