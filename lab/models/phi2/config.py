"""The numbers that define a Phi-2 network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lab.models.activation import Activation
from lab.models.decoder.config import BiasedConfig


@dataclass(frozen=True)
class Phi2Config(BiasedConfig):
    """A decoder whose attention and feed-forward read the same LayerNorm of the stream and are added to it together.

    The first `partial_rotary_factor` of each head is rotated.
    """

    family: ClassVar[str] = "phi"

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
