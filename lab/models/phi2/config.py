"""The numbers that define a Phi-2 network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lab.models.activation import Activation
from lab.models.decoder.config import DecoderConfig
from lab.models.family import NormKind


@dataclass(frozen=True)
class Phi2Config(DecoderConfig):
    """A decoder whose attention and feed-forward read the same LayerNorm of the stream and are added to it together.

    The first `partial_rotary_factor` of each head is rotated.
    """

    family: ClassVar[str] = "phi"

    @property
    def norm_kind(self) -> NormKind:
        """What normalises the stream."""
        return "layer"

    @property
    def qkv_bias(self) -> bool:
        """Whether queries, keys and values have biases."""
        return True

    @property
    def out_bias(self) -> bool:
        """Whether the output of attention has one."""
        return True

    @property
    def mlp_bias(self) -> bool:
        """Whether the products of the feed-forward have them."""
        return True

    @property
    def head_bias(self) -> bool:
        """Whether the logits have one."""
        return True

    @property
    def activation(self) -> Activation:
        """What comes between the products of the feed-forward."""
        return Activation("gelu_tanh", gated=False)

    @property
    def parallel_blocks(self) -> bool:
        """Whether attention and feed-forward read the same norm."""
        return True
