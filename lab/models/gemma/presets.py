"""The presets: each network's numbers with where they come from."""

from __future__ import annotations

from dataclasses import replace

from lab.models.family import COPIES, Preset
from lab.models.gemma.config import GemmaConfig

_GEMMA_2B = GemmaConfig(
    hidden_size=2048,
    intermediate_size=16384,
    num_hidden_layers=18,
    num_attention_heads=8,
    num_key_value_heads=1,
    head_size=256,
    vocab_size=256000,
    max_position_embeddings=8192,
    original_max_position_embeddings=8192,
    rms_norm_eps=1e-6,
    rope_theta=10000.0,
    tie_word_embeddings=True,
)
# With 22 tokens more: its functions, and their end.
_OCTOPUS = replace(_GEMMA_2B, vocab_size=256022)

PRESETS: dict[str, Preset] = {
    preset.name: preset
    for preset in (
        Preset("octopus-v2", _OCTOPUS, "config.json of NexaAIDev/Octopus-v2; sizes checked against those of gemma-2b"),
        Preset(
            "gemma-2b",
            _GEMMA_2B,
            f"config.json of google/gemma-2b; {COPIES}",
        ),
    )
}
