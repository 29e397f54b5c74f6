"""Small networks that between them have every feature of the big ones."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from lab.models.catalog import ModelSpec, custom
from lab.models.phi3.config import Phi3Config
from lab.models.quant import SCHEMES

PLAIN = Phi3Config(
    hidden_size=64,
    intermediate_size=96,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=4,
    vocab_size=211,
    max_position_embeddings=128,
    original_max_position_embeddings=128,
)
GROUPED = replace(PLAIN, num_attention_heads=8, num_key_value_heads=2, hidden_size=128)
TIED = replace(PLAIN, tie_word_embeddings=True)
WINDOWED = replace(PLAIN, sliding_window=3)
LONGROPE = replace(
    PLAIN,
    max_position_embeddings=512,
    rope_short_factor=tuple(1.0 + 0.05 * i for i in range(8)),
    rope_long_factor=tuple(1.0 + 2.0 * i for i in range(8)),
)
LONG_SIDE = replace(LONGROPE, original_max_position_embeddings=4)
ALL = {
    "plain": PLAIN,
    "grouped": GROUPED,
    "tied": TIED,
    "windowed": WINDOWED,
    "longrope": LONGROPE,
    "long-side": LONG_SIDE,
}


def spec(quant: str = "q4", config: Phi3Config = PLAIN, **options: Any) -> ModelSpec:
    """Return a model to convert."""
    return custom(config, SCHEMES[quant], f"tiny-{quant}", **options)
