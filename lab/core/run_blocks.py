"""The blocks of a recorded run that say what was measured, with what, and how."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lab.core.fields import KeepsUnknown
from lab.core.kinds import Bytes, Count, Name, NotNegative, Positive, Seconds
from lab.core.manifest import MemoryBlock


@dataclass(frozen=True)
class LabBlock(KeepsUnknown):
    """Which lab measured; git_* are null when it did not run from a checkout."""

    version: str
    git_commit: str | None
    git_dirty: bool | None
    python: str


@dataclass(frozen=True)
class ProtocolBlock(KeepsUnknown):
    """The rules of the measurement; runs of different versions are not comparable."""

    version: Positive
    sampling: str
    tokenising: str
    eos: str
    kv_counter: str
    memory_counter: str


@dataclass(frozen=True)
class TargetRecord(KeepsUnknown):
    """The target by name, and its whole file as it was."""

    name: Name
    spec: dict[str, Any]


@dataclass(frozen=True)
class DeviceRecord(KeepsUnknown):
    """The device: sha256 of its serial, and what it said about itself."""

    serial_hash: str
    emulated: bool
    facts: dict[str, Any]


@dataclass(frozen=True)
class EngineRecord(KeepsUnknown):
    """What was asked for and what really ran."""

    name: str
    versions: dict[str, str | None]
    requested: str
    effective: str | None
    threads: Count


@dataclass(frozen=True)
class BundleRecord(KeepsUnknown):
    """The bundle that ran."""

    key: str
    decode_weight_bytes_per_token: Bytes
    kv_bytes_per_token: Bytes
    memory: MemoryBlock


@dataclass(frozen=True)
class CellShape(KeepsUnknown):
    """One combination to measure, in tokens: prefill `prompt` after `depth`, then generate."""

    prompt: Positive
    generate: Positive
    depth: Count


@dataclass(frozen=True)
class PlanRecord(KeepsUnknown):
    """The settings of the run. Further settings are kept as they are."""

    cells: tuple[CellShape, ...]
    repeats: Positive
    prefill_chunk: Positive
    warmup_cap: Count
    warmup_spread: NotNegative
    cv_gate: NotNegative
    max_busy: NotNegative
    gate_timeout_s: Seconds
    timeout_s: Seconds
    threads: Count
    seed: Count
    settings_fingerprint: str


@dataclass(frozen=True)
class VerifyResult(KeepsUnknown):
    """Whether the bundle computes the right thing, asked before anything was timed."""

    rel_error: float | None
    rel_error_max: float
    argmax_match: bool
    passed: bool


@dataclass(frozen=True)
class BandwidthRecord(KeepsUnknown):
    """Memory bandwidth of the device in bytes/s, sampled before and after the cells."""

    threads: Count
    before: tuple[NotNegative, ...]
    after: tuple[NotNegative, ...]


@dataclass(frozen=True)
class PeakSamples(KeepsUnknown):
    """Operations per second, pass by pass; empty where it could not be measured."""

    int8_ops_per_s: tuple[NotNegative, ...] = ()
    f32_ops_per_s: tuple[NotNegative, ...] = ()


@dataclass(frozen=True)
class PeakRecord(KeepsUnknown):
    """Arithmetic peak of the device, sampled before and after the cells; a reason where it is missing.

    The loops are named after the instructions they are made of.
    """

    threads: Count
    before: PeakSamples = PeakSamples()
    after: PeakSamples = PeakSamples()
    int8_loop: str | None = None
    f32_loop: str | None = None
    reason_before: str | None = None
    reason_after: str | None = None


@dataclass(frozen=True)
class TimesRecord(KeepsUnknown):
    """Where the time of the whole command went; null for what was not done."""

    compile: Seconds | None = None
    convert: Seconds | None = None
    runner: Seconds | None = None
    measure: Seconds | None = None
    total: Seconds | None = None
