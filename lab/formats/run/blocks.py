"""The blocks of a recorded run that say what was measured, with what, and how."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from lab.core.fields import KeepsUnknown, Limits, Shaped
from lab.formats.kinds import Bytes, Count, Name, NotNegative, Positive, Seconds
from lab.formats.manifest import MemoryFacts
from lab.formats.run import shapes as run_shapes
from lab.formats.test import RecordedTest

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
    """The rules of the measurement; runs of different versions are not comparable."""

    shapes: ClassVar[run_shapes.Shapes] = run_shapes.PROTOCOL
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
    spec: Annotated[dict[str, Any], Shaped(run_shapes.SpecShape)]


@dataclass(frozen=True)
class DeviceRecord(KeepsUnknown):
    """The device: sha256 of its serial, and what it said about itself."""

    serial_hash: str
    emulated: bool
    facts: Annotated[dict[str, Any], Shaped(run_shapes.FactsShape)]


@dataclass(frozen=True)
class EngineRecord(KeepsUnknown):
    """What was asked for and what really ran."""

    shapes: ClassVar[run_shapes.Shapes] = run_shapes.ENGINE
    name: str
    versions: dict[str, str | None]
    requested: str
    effective: str | None
    threads: Count


@dataclass(frozen=True)
class BundleRecord(KeepsUnknown):
    """The bundle that ran; what another program ran has an empty key, and null where it does not say."""

    shapes: ClassVar[run_shapes.Shapes] = run_shapes.BUNDLE
    key: str
    decode_weight_bytes_per_token: Bytes | None
    kv_bytes_per_token: Bytes | None
    memory: MemoryFacts


@dataclass(frozen=True)
class PlanRecord(KeepsUnknown):
    """The settings of the run; null where another program measured and does not say. Further settings are kept."""

    shapes: ClassVar[run_shapes.Shapes] = run_shapes.PLAN
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


@dataclass(frozen=True)
class VerifyResult(KeepsUnknown):
    """Whether the bundle computes the right thing, asked before anything was timed."""

    rel_error: float | None
    rel_error_max: float
    argmax_match: bool
    passed: bool


@dataclass(frozen=True)
class BandwidthRecord(KeepsUnknown):
    """Memory bandwidth of the device in bytes/s, sampled before and after the cells; `loop` is what read fastest."""

    threads: Count
    before: tuple[NotNegative, ...]
    after: tuple[NotNegative, ...]
    loop: str | None = None


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
