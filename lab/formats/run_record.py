"""A recorded run: one document that says what was measured, on what, how, and every raw sample."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from lab.core.config import check_schema
from lab.core.decode import decode
from lab.core.errors import StoreError
from lab.core.fields import LEFT_OUT, UNSET, KeepsUnknown, Unset, encode
from lab.formats.kinds import Name, RunId, UtcTime
from lab.formats.manifest import MemoryBlock, MemoryFacts, ModelBlock, ModelFacts, WeightsBlock, WeightsFacts
from lab.formats.notebook import html_of
from lab.formats.run.blocks import (
    BandwidthRecord,
    BundleRecord,
    DeviceRecord,
    ImageRecord,
    LabBlock,
    Lengths,
    PeakRecord,
    PeakSamples,
    PlanRecord,
    ProtocolBlock,
    RevisionBlock,
    TargetRecord,
    TimesRecord,
    VerifyResult,
)
from lab.formats.run.cells import (
    Cell,
    CellMemory,
    CellStatus,
    CpuQuota,
    GateResult,
    PeerProcess,
    Repetition,
    RepetitionStatus,
    ThrottleSign,
    WarmUp,
)
from lab.formats.run.engine import EngineRecord
from lab.formats.run.gpu import GpuDevice, GpuRun, Profile, RanOn
from lab.formats.run.origin import Confirmation, Doubt, Imported, Pushed

__all__ = [
    "SCHEMA",
    "BandwidthRecord",
    "BundleRecord",
    "Cell",
    "CellMemory",
    "CellStatus",
    "Confirmation",
    "CpuQuota",
    "DeviceRecord",
    "Doubt",
    "EngineRecord",
    "GateResult",
    "GpuDevice",
    "GpuRun",
    "ImageRecord",
    "Imported",
    "LabBlock",
    "Lengths",
    "MemoryBlock",
    "MemoryFacts",
    "ModelBlock",
    "ModelFacts",
    "PeakRecord",
    "PeakSamples",
    "PeerProcess",
    "PlanRecord",
    "Profile",
    "ProtocolBlock",
    "Pushed",
    "RanOn",
    "Repetition",
    "RepetitionStatus",
    "RevisionBlock",
    "RunRecord",
    "RunStatus",
    "TargetRecord",
    "ThrottleSign",
    "TimesRecord",
    "VerifyResult",
    "WarmUp",
    "WeightsBlock",
    "WeightsFacts",
    "from_json",
    "new_run_id",
    "to_json",
    "utc_now",
]

SCHEMA = 1
RunStatus = Literal["ok", "running", "interrupted", "failed", "wrong_output"]


@dataclass(frozen=True)
class RunRecord(KeepsUnknown):
    """One run. Change it with dataclasses.replace; store it with lab.store."""

    schema: int
    run_id: RunId
    created_at: UtcTime
    status: RunStatus
    reason: str | None
    lab: LabBlock
    protocol: ProtocolBlock
    target: TargetRecord
    device: DeviceRecord
    model: ModelFacts
    weights: WeightsFacts
    engine: EngineRecord
    bundle: BundleRecord
    plan: PlanRecord
    verify: VerifyResult | None
    bandwidth: BandwidthRecord | None
    peak: PeakRecord | None = field(default=None, kw_only=True)  # runs of before it was measured lack it
    cells: tuple[Cell, ...]
    time_s: TimesRecord = field(default_factory=TimesRecord)
    tags: tuple[Name, ...] = field(default=(), kw_only=True)
    revision: RevisionBlock | None = field(default=None, kw_only=True)
    pushed: Pushed | Unset | None = field(default=UNSET, kw_only=True)  # null where nothing has to be sent
    session: str | None = field(default=None, kw_only=True, metadata=LEFT_OUT)
    resumes: str | None = field(default=None, kw_only=True, metadata=LEFT_OUT)
    confirm: Confirmation | None = field(default=None, kw_only=True, metadata=LEFT_OUT)
    disturbed_by: str | None = field(default=None, kw_only=True, metadata=LEFT_OUT)
    by_address: bool | None = field(default=None, kw_only=True, metadata=LEFT_OUT)
    image: ImageRecord | None = field(default=None, kw_only=True, metadata=LEFT_OUT)
    imported: Imported | None = field(default=None, kw_only=True, metadata=LEFT_OUT)
    other_columns: str | None = field(default=None, kw_only=True, metadata=LEFT_OUT)

    def _repr_html_(self) -> str | None:
        """What a notebook shows."""
        return html_of(self)


def to_json(record: RunRecord) -> dict[str, Any]:
    """Return the record as plain data, unknown keys included; the digest is the store's to add."""
    document: dict[str, Any] = encode(record)
    return document


def from_json(document: Any, *, where: str = "run record") -> RunRecord:
    """Return the record that plain data holds; StoreError names `where` and the key that does not fit."""
    check_schema(document, SCHEMA, where=where, error=StoreError)
    return decode(RunRecord, _renamed(document), where=where, error=StoreError)


def _renamed(document: Any) -> Any:
    """The run, cell or repetition with the status names of today: `wrong_output` was `broken` in older files."""
    if not isinstance(document, dict):
        return document
    changed: dict[str, Any] = {"status": "wrong_output"} if document.get("status") == "broken" else {}
    for name in ("cells", "repetitions"):
        if isinstance(items := document.get(name), list):
            renamed = [_renamed(item) for item in items]
            if any(new is not old for new, old in zip(renamed, items, strict=True)):
                changed[name] = renamed
    return {**document, **changed} if changed else document


def utc_now() -> str:
    """Return the time now as records spell it: `2026-11-23T21:00:00Z`."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def new_run_id() -> str:
    """Return a fresh run id: UTC time to the second and six random hex digits."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
