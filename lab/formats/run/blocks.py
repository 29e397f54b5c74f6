"""The blocks of a recorded run that say what was measured, with what, and how."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from lab.core.fields import LEFT_OUT, UNSET, KeepsUnknown, Limits, Shaped, Unset
from lab.formats.kinds import Bytes, Count, Name, NotNegative, Positive, Seconds, Sha256
from lab.formats.manifest import DecodeProgram, MemoryFacts
from lab.formats.run.facts import FactsShape, SpecShape
from lab.formats.test import RecordedTest

MADE_UP = "made-up"  # ProtocolBlock.name of a run that nobody measured: it is compared with its like alone
PeakKind = Literal["int4", "int8", "f32"]


@dataclass(frozen=True)
class LabBlock(KeepsUnknown):
    """Which lab measured; git_* are null when it did not run from a checkout."""

    version: str
    git_commit: str | None
    git_dirty: bool | None
    python: str


@dataclass(frozen=True)
class RevisionBlock(KeepsUnknown):
    """Which revision of the user's own work was measured, where that is not lab's checkout.

    `dirty` is null where another program measured and does not say.
    """

    commit: str
    dirty: bool | None


@dataclass(frozen=True)
class ProtocolBlock(KeepsUnknown):
    """The rules of the measurement; runs of different versions are not comparable. `name` is of another program's."""

    version: Positive
    sampling: str
    tokenising: str
    eos: str
    kv_counter: str
    memory_counter: str
    process: str | None = field(default=None, metadata=LEFT_OUT)
    name: str | None = field(default=None, metadata=LEFT_OUT)


@dataclass(frozen=True)
class TargetRecord(KeepsUnknown):
    """The target by name, and its whole file as it was."""

    name: Name
    spec: Annotated[dict[str, Any], Shaped(SpecShape)]


@dataclass(frozen=True)
class DeviceRecord(KeepsUnknown):
    """The device: sha256 of its serial, and what it said about itself."""

    serial_hash: str
    emulated: bool
    facts: Annotated[dict[str, Any], Shaped(FactsShape)]


@dataclass(frozen=True)
class BundleRecord(KeepsUnknown):
    """The bundle that ran; what another program ran has an empty key, and null where it does not say."""

    key: str
    decode_weight_bytes_per_token: Bytes | None
    kv_bytes_per_token: Bytes | None
    memory: MemoryFacts
    decode: DecodeProgram | None = field(default=None, metadata=LEFT_OUT)
    unverified_on_device: tuple[str, ...] | None = field(default=None, metadata=LEFT_OUT)
    mlc_quantisation: str | None = field(default=None, metadata=LEFT_OUT)


@dataclass(frozen=True)
class Lengths(KeepsUnknown):
    """Why a plan's cells have the lengths that nobody named; see `lab.measure.lengths`.

    `prompt` and `generate` are the step of the ladder that was taken, in tokens; rates are those of the trial. A model
    that judges texts generates 0 tokens, at no rate.
    `repetition_s` is what a repetition was expected to take with them, and `default_s` with the default ones. `kept`
    says that they are those of an earlier run, though the trial alone would have chosen the next step.
    """

    prompt: Positive
    generate: Count
    prefill_tok_per_s: NotNegative
    decode_tok_per_s: NotNegative | None
    repetition_s: Seconds
    default_s: Seconds
    kept: bool = False


@dataclass(frozen=True)
class PlanRecord(KeepsUnknown):
    """The settings of the run; null where another program measured and does not say.

    Those from `adapts` on are lab's own: older records and those of other programs lack them.
    """

    cells: tuple[RecordedTest, ...]
    repeats: Positive | None
    prefill_chunk: Positive | None
    warmup_cap: Count | None
    warmup_spread: NotNegative | None
    cv_gate: NotNegative | None
    max_busy: NotNegative | None
    gate_timeout_s: Seconds | None
    timeout_s: Seconds | None
    threads: Count
    seed: Annotated[int, Limits(min=0)] | None
    settings_fingerprint: str
    adapts: bool | None = field(default=None, metadata=LEFT_OUT)
    precision: NotNegative | None = field(default=None, metadata=LEFT_OUT)
    budget_s: Seconds | None = field(default=None, metadata=LEFT_OUT)
    lengths: Lengths | Unset | None = UNSET
    max_temp_c: float | None = field(default=None, metadata=LEFT_OUT)
    memory_interval_ms: Count | None = field(default=None, metadata=LEFT_OUT)
    memory_generate: Count | None = field(default=None, metadata=LEFT_OUT)
    sample_interval_s: Seconds | None = field(default=None, metadata=LEFT_OUT)
    bandwidth_bytes: Bytes | None = field(default=None, metadata=LEFT_OUT)
    bandwidth_passes: Count | None = field(default=None, metadata=LEFT_OUT)
    peak_passes: Count | None = field(default=None, metadata=LEFT_OUT)
    profile: bool | None = field(default=None, metadata=LEFT_OUT)


@dataclass(frozen=True)
class ImageRecord(KeepsUnknown):
    """The image before every prompt of the run: made up, or a file's, by the sha256 of its patches."""

    source: Literal["synthetic", "file"]
    sha256: Sha256 | None = None


@dataclass(frozen=True)
class VerifyResult(KeepsUnknown):
    """Whether the bundle computes the right thing, asked before anything was timed."""

    rel_error: float | None
    rel_error_max: float
    argmax_match: bool
    passed: bool


@dataclass(frozen=True)
class BandwidthRecord(KeepsUnknown):
    """Memory bandwidth of the device in bytes/s, sampled before and after the cells; `loop` is what read fastest.

    A reason is null where it was measured, and not there where it was not tried.
    """

    threads: Count
    before: tuple[NotNegative, ...]
    after: tuple[NotNegative, ...]
    loop: str | None = None
    reason_before: str | Unset | None = UNSET
    reason_after: str | Unset | None = UNSET


@dataclass(frozen=True)
class PeakSamples(KeepsUnknown):
    """Operations per second, pass by pass; empty where it could not be measured.

    int4 is products of a nibble and a byte, which some processors sum up faster; older records lack it.
    """

    int8_ops_per_s: tuple[NotNegative, ...] = ()
    f32_ops_per_s: tuple[NotNegative, ...] = ()
    int4_ops_per_s: tuple[NotNegative, ...] = ()

    def of(self, kind: PeakKind) -> tuple[float, ...]:
        """Return the passes of one kind of products."""
        return {"int4": self.int4_ops_per_s, "int8": self.int8_ops_per_s, "f32": self.f32_ops_per_s}[kind]


@dataclass(frozen=True)
class PeakRecord(KeepsUnknown):
    """Arithmetic peak of the device, sampled before and after the cells; a reason where it is missing.

    The loops are named after the instructions they are made of; each is the fastest of several.
    """

    threads: Count
    before: PeakSamples = PeakSamples()
    after: PeakSamples = PeakSamples()
    int8_loop: str | None = None
    f32_loop: str | None = None
    reason_before: str | None = None
    reason_after: str | None = None
    int4_loop: str | None = None


@dataclass(frozen=True)
class TimesRecord(KeepsUnknown):
    """Where the time of the whole command went; null for what was not done."""

    compile: Seconds | None = None
    convert: Seconds | None = None
    runner: Seconds | None = None
    measure: Seconds | None = None
    total: Seconds | None = None
