"""What a decoder of the Llama kind needs to know beside what kernels need."""

from __future__ import annotations

from typing import Protocol

from lab.models.family import Sizes


class DecoderSizes(Sizes, Protocol):
    """The configuration of such a decoder: pre-norm with RMSNorm, fused qkv, a gated SiLU, rotary positions."""

    @property
    def rms_norm_eps(self) -> float:
        """What is added to the mean square before its root is taken."""

    @property
    def qkv_rows(self) -> int:
        """Rows of the fused qkv projection: all query heads, then key heads, then value heads."""

    def rope_factors(self, length: int) -> tuple[float, ...] | None:
        """Return the divisors of the rotary frequencies for a sequence of `length` tokens, or None."""
