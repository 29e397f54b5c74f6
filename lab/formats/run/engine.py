"""The engine block of a run record: what was asked for, what ran, and what was tried to find its settings."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from lab.core.fields import LEFT_OUT, KeepsUnknown
from lab.formats.kinds import Bytes, Count, NotNegative
from lab.formats.run.gpu import RanOn


@dataclass(frozen=True)
class StagedWeights(KeepsUnknown):
    """The weights in the device's page cache: bytes of them and those in huge pages; null with a reason."""

    bytes: Bytes | None
    huge_bytes: Bytes | None
    reason: str | None


@dataclass(frozen=True)
class ThreadRates(KeepsUnknown):
    """The samples of one number of threads, in the order they were taken."""

    threads: Count
    prefill_tok_per_s: tuple[NotNegative, ...]
    decode_tok_per_s: tuple[NotNegative, ...]


@dataclass(frozen=True)
class ThreadsTried(KeepsUnknown):
    """The probe, in tokens, that found the number of threads."""

    prompt: Count
    generate: Count
    counts: tuple[ThreadRates, ...]


@dataclass(frozen=True)
class FlashTried(KeepsUnknown):
    """A peer's samples with flash attention "on" and "off", at `depth` tokens."""

    depth: Count
    decode_tok_per_s: dict[str, tuple[NotNegative, ...]] | None = field(default=None, metadata=LEFT_OUT)
    prefill_tok_per_s: dict[str, tuple[NotNegative, ...]] | None = field(default=None, metadata=LEFT_OUT)


@dataclass(frozen=True)
class VariantRates(KeepsUnknown):
    """The samples of one type of weights, repacked at load or not."""

    weights: str
    repack: bool
    prefill_tok_per_s: tuple[NotNegative, ...]
    decode_tok_per_s: tuple[NotNegative, ...]


@dataclass(frozen=True)
class VariantsTried(KeepsUnknown):
    """The probe, in tokens, that found the weights."""

    prompt: Count
    generate: Count
    variants: tuple[VariantRates, ...]


@dataclass(frozen=True)
class VariantUsed(KeepsUnknown):
    """What prefill or decode ran with; `flash` null is the peer's default."""

    weights: str
    repack: bool
    flash: str | None


@dataclass(frozen=True)
class VariantsUsed(KeepsUnknown):
    """What both phases ran with."""

    prefill: VariantUsed
    decode: VariantUsed


@dataclass(frozen=True)
class PeerBuild(KeepsUnknown):
    """Which build of llama.cpp, or of a program like it."""

    commit: str
    number: Count


@dataclass(frozen=True)
class EngineRecord(KeepsUnknown):
    """What was asked for and what really ran; which of the optional keys there are depends on the engine."""

    name: str
    versions: dict[str, str | None]
    requested: str
    effective: str | None
    threads: Count
    runner: dict[str, str | None] | None = field(default=None, metadata=LEFT_OUT)
    staged: StagedWeights | None = field(default=None, metadata=LEFT_OUT)
    prefill_threads: Count | None = field(default=None, metadata=LEFT_OUT)
    threads_tried: ThreadsTried | None = field(default=None, metadata=LEFT_OUT)
    flash_tried: FlashTried | None = field(default=None, metadata=LEFT_OUT)
    variants_tried: VariantsTried | None = field(default=None, metadata=LEFT_OUT)
    variant: VariantsUsed | None = field(default=None, metadata=LEFT_OUT)
    build: PeerBuild | None = field(default=None, metadata=LEFT_OUT)
    settings: dict[str, Any] | None = field(default=None, metadata=LEFT_OUT)
    ran_on: RanOn | None = field(default=None, metadata=LEFT_OUT)
    fell_back: bool | None = field(default=None, metadata=LEFT_OUT)
