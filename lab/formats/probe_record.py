"""A recorded probe: what a device can do at the best, for each number of threads, every sample kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lab.core.config import check_schema
from lab.core.decode import decode
from lab.core.errors import StoreError
from lab.core.fields import KeepsUnknown
from lab.formats.kinds import Bytes, NotNegative, Positive, RunId, UtcTime
from lab.formats.run.blocks import DeviceRecord, LabBlock, TargetRecord
from lab.formats.run.cells import GateResult

SCHEMA = 1


@dataclass(frozen=True)
class ProbeCount(KeepsUnknown):
    """The roofs with one number of threads, pass by pass; a list that is empty has its reason.

    Older probes lack int4.
    """

    threads: Positive
    read_bytes_per_s: tuple[NotNegative, ...]
    int8_ops_per_s: tuple[NotNegative, ...]
    f32_ops_per_s: tuple[NotNegative, ...]
    read_reason: str | None
    peak_reason: str | None
    int4_ops_per_s: tuple[NotNegative, ...] = ()


@dataclass(frozen=True)
class ProbeLoops(KeepsUnknown):
    """The instructions that each loop was made of; null where it did not run."""

    read: str | None
    int8: str | None
    f32: str | None
    int4: str | None = None


@dataclass(frozen=True)
class ProbeSettings(KeepsUnknown):
    """How it was measured: the buffer that was read, passes each time."""

    bandwidth_bytes: Bytes
    bandwidth_passes: Positive
    peak_passes: Positive


@dataclass(frozen=True)
class ProbeRecord(KeepsUnknown):
    """One probe; stored by lab.store.probes. `gate` and `state` are of the moment before."""

    schema: int
    probe_id: RunId
    created_at: UtcTime
    lab: LabBlock
    target: TargetRecord
    device: DeviceRecord
    runner: dict[str, str]
    settings: ProbeSettings
    gate: GateResult
    state: dict[str, Any]
    loops: ProbeLoops
    counts: tuple[ProbeCount, ...]


def from_json(document: Any, *, where: str) -> ProbeRecord:
    """Return the probe that plain data holds; StoreError names `where` and the key that does not fit."""
    check_schema(document, SCHEMA, where=where, error=StoreError)
    return decode(ProbeRecord, document, where=where, error=StoreError)
