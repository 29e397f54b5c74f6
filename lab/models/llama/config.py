"""The numbers that define a Llama, and a Qwen2, which is one with biases on queries, keys and values."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

from lab.core.errors import ModelError
from lab.models.decoder.config import DecoderConfig


@dataclass(frozen=True)
class RopeScaling:
    """How rotary frequencies are slowed down, at every length: all by `factor` ("linear"), or low ones only ("llama3").

    Wavelengths above original / `low_freq_factor` tokens are divided by `factor`, those below
    original / `high_freq_factor` are kept, and between the two there is a smooth passage.
    """

    kind: Literal["linear", "llama3"]
    factor: float
    low_freq_factor: float | None = None
    high_freq_factor: float | None = None

    def __post_init__(self) -> None:
        """Refuse a passage of no length, or that runs backwards."""
        if self.kind == "linear":
            return
        low, high = self.low_freq_factor, self.high_freq_factor
        if low is None or high is None or not 0 < low < high:
            raise ModelError(
                f"low_freq_factor is {low} and high_freq_factor {high}; the first must be below the second"
            )

    def divisors(self, theta: float, rotary_dim: int, original: int) -> tuple[float, ...]:
        """Return what each of the rotary_dim / 2 frequencies is divided by; `original` is a context in tokens."""
        turns = range(0, rotary_dim, 2)
        return tuple(self._divisor(original / (2 * math.pi * theta ** (i / rotary_dim))) for i in turns)

    def _divisor(self, waves: float) -> float:
        """Return the divisor of a frequency that has so many wavelengths in the original context."""
        low, high = self.low_freq_factor, self.high_freq_factor
        if low is None or high is None:
            return self.factor
        kept = min(max((waves - low) / (high - low), 0.0), 1.0)
        return 1.0 / (kept + (1.0 - kept) / self.factor)


@dataclass(frozen=True)
class LlamaConfig(DecoderConfig):
    """A decoder whose projections may have biases, and whose rotary frequencies may be slowed down.

    `attention_bias` is of all four projections of attention, `rope_scaling` where the divisors of the rotary
    frequencies come from.
    """

    family: ClassVar[str] = "llama"

    attention_bias: bool = False
    mlp_bias: bool = False
    rope_scaling: RopeScaling | None = None

    def __post_init__(self) -> None:
        """Derive the divisors, which are the same at every length, and check all numbers."""
        if self.rope_scaling is not None:
            original = self.original_max_position_embeddings
            divisors = self.rope_scaling.divisors(self.rope_theta, self.rotary_dim, original)
            object.__setattr__(self, "rope_short_factor", divisors)
            object.__setattr__(self, "rope_long_factor", divisors)
        super().__post_init__()

    @property
    def qkv_bias(self) -> bool:
        """Whether queries, keys and values have a bias."""
        return self.attention_bias

    @property
    def out_bias(self) -> bool:
        """Whether the output of attention has a bias."""
        return self.attention_bias

    @property
    def attention_scaling(self) -> float:
        """What cos and sin are multiplied by."""
        return 1.0


@dataclass(frozen=True)
class Qwen2Config(LlamaConfig):
    """Qwen2 and Qwen2.5: queries, keys and values always have biases, nothing else has."""

    family: ClassVar[str] = "qwen2"

    @property
    def qkv_bias(self) -> bool:
        """Queries, keys and values have a bias."""
        return True
