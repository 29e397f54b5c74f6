"""The presets: each network's numbers with where they come from, and the models that are not there yet."""

from __future__ import annotations

from dataclasses import dataclass, replace

from lab.models.phi3 import longrope
from lab.models.phi3.config import Phi3Config


@dataclass(frozen=True)
class Preset:
    """A network and where its numbers come from; `problem` says what is wrong with it, if anything."""

    name: str
    config: Phi3Config
    source: str
    problem: str | None = None


@dataclass(frozen=True)
class NotYet:
    """A model that people ask for and `lab` can't compile, with the reason."""

    name: str
    reason: str


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

NOT_YET: dict[str, NotYet] = {
    model.name: model
    for model in (
        NotYet(
            "phi3-small",
            "another network than mini and medium: blocksparse attention in every other layer, a gated GELU MLP, "
            "LayerNorm, muP scaling and a vocabulary of 100352",
        ),
        NotYet(
            "octopus-v2",
            "a Gemma 2B network: gated GELU MLP, scaled embeddings, one key-value head of 256; and a vocabulary "
            "with function tokens of its own",
        ),
        NotYet(
            "chuxin-1.6b",
            "a LLaMA-2 network with a vocabulary of its own (DeepSeek's); near to Phi-3, but with split q, k, v and "
            "gate, up projections, for which there is no preset or name map yet",
        ),
        NotYet(
            "phudge",
            "Phi-3-mini with LoRA adapters and a head that grades an answer in one forward pass; it generates no "
            "tokens, so there is no decode to measure, and adapters are not read",
        ),
        NotYet(
            "tinygpt-v",
            "a vision model: an EVA image encoder and a Q-Former in front of Phi-2, which is another network "
            "(parallel blocks, LayerNorm, biases, partial rotary)",
        ),
    )
}
