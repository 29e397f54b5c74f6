"""The numbers that define a Phi-3 network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lab.models.decoder.config import DecoderConfig


@dataclass(frozen=True)
class Phi3Config(DecoderConfig):
    """A decoder with a sliding window, and with LongRoPE where it has a long context."""

    family: ClassVar[str] = "phi3"
