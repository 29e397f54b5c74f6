"""From tests to a recorded run: tests that share everything but their shape, and are of one session, stand in one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import cache
from typing import Any, cast

from lab.analysis.exchange.imports.cells import cell_of, is_mean, key_of, repeats_of
from lab.analysis.exchange.readers.parsed import ForeignTest, Subject
from lab.core.jsonio import digest
from lab.formats.manifest import DType
from lab.formats.provenance import provenance
from lab.formats.run_record import (
    SCHEMA,
    BundleRecord,
    Cell,
    DeviceRecord,
    EngineRecord,
    Imported,
    LabBlock,
    MemoryFacts,
    ModelFacts,
    PlanRecord,
    ProtocolBlock,
    RevisionBlock,
    RunRecord,
    TargetRecord,
    WeightsFacts,
)
from lab.formats.test import recorded

MAPPING = 1  # version of how rows become cells; a run of another one is not comparable


@dataclass(frozen=True)
class Source:
    """Where rows came from: the file's name without its folders, its digest, the format."""

    file: str
    sha256: str
    format: str


def record_of(
    subject: Subject,
    tests: Sequence[ForeignTest],
    source: Source,
    target: str,
    *,
    emulated: bool = False,
    run_id: str = "",
) -> RunRecord:
    """Return the run of one session. Its id is that of its first test, so that a run keeps it while it grows."""
    record = RunRecord(
        schema=SCHEMA,
        run_id=run_id or run_id_of(tests[0]),
        created_at=tests[0].at,
        status="ok",
        reason=None,
        lab=_lab(),
        protocol=ProtocolBlock(**subject.protocol, version=MAPPING, name=subject.tool),
        target=TargetRecord(target, {}),
        device=DeviceRecord(_device_hash(subject), emulated, _told(subject.device)),
        model=_model(subject),
        weights=WeightsFacts(None, "unknown", subject.source_id, False, None),
        engine=_engine(subject),
        bundle=BundleRecord("", None, None, MemoryFacts(subject.weights_bytes, None, None)),
        plan=_plan(subject),
        verify=None,
        bandwidth=None,
        cells=(),
        revision=RevisionBlock(subject.commit, subject.dirty) if subject.commit else None,
        other_columns=_other_columns(subject),
    )
    return with_tests(record, tests, source)


def with_tests(record: RunRecord, tests: Sequence[ForeignTest], source: Source) -> RunRecord:
    """Return the run with these tests as well; one that it has as a mean alone gets its samples."""
    cells, keys = list(record.cells), [key_of(record, cell) for cell in record.cells]
    for test in tests:
        if test.key not in keys:
            cells.append(cell_of(test))
            keys.append(test.key)
        elif (is_mean(cells[place := keys.index(test.key)])) and not test.averaged:
            cells[place] = cell_of(test)
    reasons = dict.fromkeys(cell.reason or cell.status for cell in cells if cell.status != "ok")
    good = any(cell.status == "ok" for cell in cells)
    return replace(
        record,
        status="ok" if good else "failed",
        reason=None if good else "; ".join(reasons),
        plan=replace(record.plan, cells=tuple(recorded(cell) for cell in cells), repeats=repeats_of(cells)),
        cells=tuple(cells),
        imported=_imported(record, cells, keys, source),
    )


def run_id_of(test: ForeignTest, salt: str = "") -> str:
    """Return the id of the run that begins with this test."""
    return f"{datetime.fromisoformat(test.at):%Y%m%d-%H%M%S}-{digest([test.key, salt])[:6] if salt else test.key[:6]}"


@cache
def _lab() -> LabBlock:
    """Which lab imports; the state of its checkout says nothing about other programs' numbers."""
    return replace(provenance(), git_commit=None, git_dirty=None)


def _imported(record: RunRecord, cells: Sequence[Cell], keys: Sequence[str], source: Source) -> Imported:
    tool = record.protocol.name
    rows = tuple(cell.row for cell in cells)
    return Imported(tool=tool, **asdict(source), rows=rows, rows_sha256=digest([tool, *keys]))


def _other_columns(subject: Subject) -> str | None:
    """Return them as one text in ASCII: harmless wherever it is shown."""
    return json.dumps(subject.other, sort_keys=True, separators=(",", ":")) if subject.other else None


def _device_hash(subject: Subject) -> str:
    """A device by all that the tool says of it, which is not its serial number."""
    return digest(["imported", subject.device])[:16]


def _told(facts: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in facts.items() if value is not None}


def _model(subject: Subject) -> ModelFacts:
    label = f"{subject.model}-{subject.quant}"
    return ModelFacts(
        id=label,
        label=label,
        preset=subject.model,
        quant=subject.quant,
        layers=None,
        layers_total=None,
        parameters=subject.parameters,
        vocab_size=None,
        hidden_size=None,
        head_dim=None,
        num_kv_heads=None,
        context_max=None,
        sliding_window=None,
        kv_dtype=cast(DType | None, subject.kv_dtype),
    )


def _engine(subject: Subject) -> EngineRecord:
    return EngineRecord(
        subject.engine,
        subject.versions,
        subject.requested,
        subject.effective,
        subject.threads,
        settings=subject.settings,
        fell_back=subject.fell_back or None,
    )


def _plan(subject: Subject) -> PlanRecord:
    return PlanRecord(
        cells=(),
        repeats=None,
        prefill_chunk=subject.chunk,
        warmup_cap=None,
        warmup_spread=None,
        cv_gate=None,
        max_busy=None,
        gate_timeout_s=None,
        timeout_s=None,
        threads=subject.threads,
        seed=None,
        settings_fingerprint=digest([subject.tool, subject.settings])[:16],
    )
