"""The measured part of a recorded run: cells, repetitions, raw samples in the order they were taken.

null is "not measured" everywhere; 0 is a measured zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from lab.core.fields import KeepsUnknown
from lab.formats.kinds import Bytes, Count, NotNegative, Seconds, Sha256
from lab.formats.run import shapes as run_shapes
from lab.formats.test import RecordedTest

RepetitionStatus = Literal["ok", "failed", "rejected", "interrupted", "broken"]
CellStatus = Literal["ok", "failed", "rejected", "not_run", "interrupted", "broken"]


@dataclass(frozen=True)
class WarmUp(KeepsUnknown):
    """How the engine was warmed: rounds, whether it became stable, every decode step."""

    count: Count
    stable: bool
    decode_s: tuple[Seconds, ...]


@dataclass(frozen=True)
class GateResult(KeepsUnknown):
    """Whether the device was cool and idle enough before the repetition."""

    kept: bool
    waited_s: Seconds
    reason: str | None = None


@dataclass(frozen=True)
class Repetition(KeepsUnknown):
    """One process of the runner. `order` is its place among all repetitions of the run.

    `bandwidth_bytes_per_s` is what the device read right before it and right after, pass by pass. `tokens_sha256` is
    the digest of the ids it generated: with the same build, cell and seed it is always the same.
    """

    shapes: ClassVar[run_shapes.Shapes] = run_shapes.REPETITION
    index: Count
    order: Count
    status: RepetitionStatus
    reason: str | None = None
    prefill_tok_per_s: NotNegative | None = None
    decode_tok_per_s: NotNegative | None = None
    ttft_s: Seconds | None = None
    ttst_s: Seconds | None = None
    load_s: Seconds | None = None
    itl_s: tuple[Seconds, ...] | None = None
    submit_ns: Count | None = None
    token_ns: tuple[Count, ...] | None = None
    rss_peak_bytes: Bytes | None = None
    rss_peak_counter: str | None = None
    swap_bytes: Bytes | None = None
    major_faults: Count | None = None
    warmup: WarmUp | None = None
    gate: GateResult | None = None
    state_before: dict[str, Any] | None = None
    state_during: dict[str, Any] | None = None
    state_after: dict[str, Any] | None = None
    throttled: bool | None = None
    bandwidth_bytes_per_s: tuple[NotNegative, ...] | None = None
    tokens_sha256: Sha256 | None = None


@dataclass(frozen=True)
class CellMemory(KeepsUnknown):
    """The memory pass of a cell; `samples` are (seconds since start, resident bytes)."""

    shapes: ClassVar[run_shapes.Shapes] = run_shapes.MEMORY
    counter: str
    rss_peak_bytes: Bytes | None
    rss_anon_peak_bytes: Bytes | None
    weights_bytes: Bytes | None
    kv_bytes: Bytes | None
    workspace_bytes: Bytes | None
    samples: tuple[tuple[Seconds, Bytes], ...] = ()


@dataclass(frozen=True)
class Cell(RecordedTest):
    """One test of the plan and all that was measured of it."""

    shapes: ClassVar[run_shapes.Shapes] = run_shapes.CELL
    status: CellStatus
    reason: str | None = None
    repetitions: tuple[Repetition, ...] = ()
    memory: CellMemory | None = None
