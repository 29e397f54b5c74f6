"""The numbers that define a Gemma."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lab.models.activation import Activation
from lab.models.decoder.config import DecoderConfig


@dataclass(frozen=True)
class GemmaConfig(DecoderConfig):
    """A decoder with heads of a size of their own, gates through a GELU, and embeddings that are multiplied up."""

    family: ClassVar[str] = "gemma"

    attention_bias: bool = False

    @property
    def qkv_bias(self) -> bool:
        """Whether queries, keys and values have a bias."""
        return self.attention_bias

    @property
    def out_bias(self) -> bool:
        """Whether the output of attention has a bias."""
        return self.attention_bias

    @property
    def activation(self) -> Activation:
        """What stands between the two products of the feed-forward block."""
        return Activation("gelu_tanh", gated=True)

    @property
    def embedding_scale(self) -> float:
        """What rows of the embedding table are multiplied by: transformers rounds it to the type of the table."""
        return float(self.hidden_size**0.5)
