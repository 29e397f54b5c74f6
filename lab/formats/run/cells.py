"""The measured part of a recorded run: cells, repetitions, raw samples in the order they were taken.

null is "not measured" everywhere; 0 is a measured zero.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from lab.core.fields import LEFT_OUT, UNSET, KeepsUnknown, Unset
from lab.formats.kinds import Bytes, Count, NotNegative, Seconds, Sha256
from lab.formats.run.gpu import GpuRun, Profile
from lab.formats.run.origin import Doubt
from lab.formats.test import RecordedTest

RATE_REASON_BEFORE = "late gaps took "  # how the only reason begins where files without `throttled_by` mean `rate`
RepetitionStatus = Literal["ok", "failed", "rejected", "interrupted", "wrong_output"]
ThrottleSign = Literal["clock", "heat", "rate"]  # "rate": late tokens took longer, whatever slowed them
CellStatus = Literal["ok", "failed", "rejected", "not_run", "interrupted", "wrong_output"]


@dataclass(frozen=True)
class WarmUp(KeepsUnknown):
    """How the engine was warmed: rounds, whether it became stable, every decode step."""

    count: Count
    stable: bool
    decode_s: tuple[Seconds, ...]
    prefill_s: tuple[Seconds, ...] | None = field(default=None, metadata=LEFT_OUT)


@dataclass(frozen=True)
class GateResult(KeepsUnknown):
    """Whether the device was cool and idle enough before the repetition; `unmeasured` is what it could not tell."""

    kept: bool
    waited_s: Seconds
    reason: str | None = None
    busy_fraction: int | float | Unset | None = UNSET
    die_temp_c: int | float | Unset | None = UNSET
    unmeasured: tuple[str, ...] | None = field(default=None, metadata=LEFT_OUT)


@dataclass(frozen=True)
class CpuQuota(KeepsUnknown):
    """A control group's CPU quota: cores that it allows, how often it stopped the repetition; null: not counted."""

    cores: int | float | None
    periods: Count | None
    throttled_periods: Count | None


@dataclass(frozen=True)
class PeerProcess(KeepsUnknown):
    """One of the processes of a llama.cpp repetition, which measures prefill and decode apart."""

    test: str
    words: str | None = field(default=None, metadata=LEFT_OUT)
    threads: Count | None = field(default=None, metadata=LEFT_OUT)
    samples_ns: tuple[Count, ...] | None = field(default=None, metadata=LEFT_OUT)
    warmup: str | None = field(default=None, metadata=LEFT_OUT)
    rss_peak_bytes: Bytes | None = field(default=None, metadata=LEFT_OUT)
    major_faults: Count | None = field(default=None, metadata=LEFT_OUT)


@dataclass(frozen=True)
class Repetition(KeepsUnknown):
    """One process of the runner. `order` is its place among all repetitions of the run.

    `bandwidth_bytes_per_s` is what the device read right before it and right after, pass by pass. `tokens_sha256` is
    the digest of the ids it generated: with the same build, cell and seed it is always the same. What comes after
    that is of some repetitions only. `mean_of` says that the rates are means of so many; null: nobody told of how many.
    `judgement_s` is from the submit to the scores, of a model that judges texts, and `judgements_per_s` its inverse.
    `image_s` is what encoding the image before the prompt took.
    """

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
    device_log: tuple[str, ...] | None = field(default=None, metadata=LEFT_OUT)
    cpu_quota: CpuQuota | None = field(default=None, metadata=LEFT_OUT)
    by_device: bool | None = field(default=None, metadata=LEFT_OUT)
    error: str | None = field(default=None, metadata=LEFT_OUT)
    processes: tuple[PeerProcess, ...] | None = field(default=None, metadata=LEFT_OUT)
    throttled_reason: str | Unset | None = UNSET
    throttled_by: tuple[ThrottleSign, ...] | None = field(default=None, metadata=LEFT_OUT)
    gpu: GpuRun | None = field(default=None, metadata=LEFT_OUT)
    mean_of: Count | Unset | None = UNSET
    judgements_per_s: NotNegative | None = field(default=None, metadata=LEFT_OUT)
    judgement_s: Seconds | None = field(default=None, metadata=LEFT_OUT)
    image_s: Seconds | None = field(default=None, metadata=LEFT_OUT)

    @property
    def slowing(self) -> Literal["throttled", "slowed"] | None:
        """`throttled` by clocks or heat; `slowed` where only late tokens took longer; None: neither, or not known."""
        if not self.throttled:
            return None
        by_rate_alone = str(self.throttled_reason).startswith(RATE_REASON_BEFORE)
        signs = self.throttled_by or (("rate",) if by_rate_alone else ("clock",))
        return "slowed" if signs == ("rate",) else "throttled"


@dataclass(frozen=True)
class CellMemory(KeepsUnknown):
    """The memory pass of a cell; `samples` are (seconds since start, resident bytes).

    `generate` is how many tokens it made, `reason` says which value is missing, or cannot be true, and why.
    """

    counter: str
    rss_peak_bytes: Bytes | None
    rss_anon_peak_bytes: Bytes | None
    weights_bytes: Bytes | None
    kv_bytes: Bytes | None
    workspace_bytes: Bytes | None
    samples: tuple[tuple[Seconds, Bytes], ...] = ()
    reason: str | Unset | None = UNSET
    generate: Count | None = field(default=None, metadata=LEFT_OUT)
    swap_bytes: Bytes | Unset | None = UNSET
    major_faults: Count | Unset | None = UNSET
    opencl_alloc_peak_bytes: Bytes | None = field(default=None, metadata=LEFT_OUT)
    opencl_zero_copy_bytes: Bytes | None = field(default=None, metadata=LEFT_OUT)


@dataclass(frozen=True)
class Cell(RecordedTest):
    """One test of the plan and all that was measured of it.

    From `row` on it is an imported one's: its place in the file, when it was measured and how long that took, what
    tells it from any other, its columns that have no other place, and what its row contradicts.
    """

    status: CellStatus
    reason: str | None = None
    repetitions: tuple[Repetition, ...] = ()
    memory: CellMemory | None = None
    profile: Profile | None = field(default=None, metadata=LEFT_OUT)
    row: Count | None = field(default=None, metadata=LEFT_OUT)
    at: str | None = field(default=None, metadata=LEFT_OUT)
    took_s: int | float | None = field(default=None, metadata=LEFT_OUT)
    key: str | None = field(default=None, metadata=LEFT_OUT)
    reported: dict[str, Any] | None = field(default=None, metadata=LEFT_OUT)
    doubts: tuple[Doubt, ...] | None = field(default=None, metadata=LEFT_OUT)
