"""From tests to recorded runs: tests that share everything but their shape stand in one run.

The same shape twice is two sessions, so it makes a second run: only what was measured as one is averaged.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, cast

from lab.analysis.exchange.found import Subject, Test
from lab.core.jsonio import digest
from lab.core.manifest import DType
from lab.core.provenance import provenance
from lab.core.run_record import (
    SCHEMA,
    BundleRecord,
    Cell,
    CellShape,
    DeviceRecord,
    EngineRecord,
    LabBlock,
    MemoryFacts,
    ModelFacts,
    PlanRecord,
    ProtocolBlock,
    Repetition,
    RevisionBlock,
    RunRecord,
    TargetRecord,
    WeightsFacts,
)

MAPPING = 1  # version of how rows become cells; a run of another one is not comparable


@dataclass(frozen=True)
class Source:
    """Where rows came from: the file's name without its folders, its digest, the format."""

    file: str
    sha256: str
    format: str


def records_of(
    tests: Iterable[tuple[Subject, Test]], source: Source, target: str, *, emulated: bool = False
) -> list[RunRecord]:
    """Return the runs, in the order of their first rows."""
    groups: dict[tuple[str, int], tuple[Subject, list[Test]]] = {}
    times: dict[tuple[str, int, int, int], int] = {}
    for subject, test in tests:
        key = digest(asdict(subject))
        shape = (key, test.prompt, test.generate, test.depth)
        times[shape] = times.get(shape, 0) + 1
        groups.setdefault((key, times[shape]), (subject, []))[1].append(test)
    return [_record(subject, rows, source, target, emulated) for subject, rows in groups.values()]


def _record(subject: Subject, tests: Sequence[Test], source: Source, target: str, emulated: bool) -> RunRecord:
    at = min(test.at for test in tests)
    rows_sha256 = digest([subject.tool, *(test.identity for test in tests)])
    good = any(test.status == "ok" for test in tests)
    return RunRecord(
        schema=SCHEMA,
        run_id=f"{datetime.fromisoformat(at):%Y%m%d-%H%M%S}-{rows_sha256[:6]}",
        created_at=at,
        status="ok" if good else "failed",
        reason=None if good else "; ".join(dict.fromkeys(test.reason or test.status for test in tests)),
        lab=LabBlock(**{**asdict(provenance()), "git_commit": None, "git_dirty": None}),
        protocol=ProtocolBlock(**subject.protocol, version=MAPPING, extra={"name": subject.tool}),
        target=TargetRecord(target, {}),
        device=DeviceRecord(_device_hash(subject), emulated, _said(subject.device)),
        model=_model(subject),
        weights=WeightsFacts(None, "unknown", subject.source_id, False, None),
        engine=_engine(subject),
        bundle=BundleRecord("", None, None, MemoryFacts(subject.weights_bytes, None, None)),
        plan=_plan(subject, tests),
        verify=None,
        bandwidth=None,
        cells=tuple(_cell(test) for test in tests),
        revision=RevisionBlock(subject.commit, subject.dirty) if subject.commit else None,
        extra=_extra(subject, tests, source, rows_sha256),
    )


def _extra(subject: Subject, tests: Sequence[Test], source: Source, rows_sha256: str) -> dict[str, Any]:
    imported = {"tool": subject.tool, **asdict(source), "rows": [one.row for one in tests], "rows_sha256": rows_sha256}
    other = json.dumps(subject.other, sort_keys=True, separators=(",", ":"))  # ASCII: harmless wherever it is shown
    return {"imported": imported, **({"other_columns": other} if subject.other else {})}


def _device_hash(subject: Subject) -> str:
    """A device by all that the tool says of it, which is not its serial number."""
    return digest(["imported", subject.device])[:16]


def _said(facts: dict[str, Any]) -> dict[str, Any]:
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
    extra = {"settings": subject.settings, **({"fell_back": True} if subject.fell_back else {})}
    return EngineRecord(
        subject.engine, subject.versions, subject.requested, subject.effective, subject.threads, extra=extra
    )


def _plan(subject: Subject, tests: Sequence[Test]) -> PlanRecord:
    repeats = {test.repeats for test in tests}
    return PlanRecord(
        cells=tuple(CellShape(test.prompt, test.generate, test.depth) for test in tests),
        repeats=repeats.pop() if len(repeats) == 1 else None,
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


def _cell(test: Test) -> Cell:
    return Cell(
        prompt=test.prompt,
        generate=test.generate,
        depth=test.depth,
        status=test.status,
        reason=test.reason,
        repetitions=tuple(_repetitions(test)),
        memory=test.memory,
        extra={"row": test.row, "reported": test.raw},
    )


def _repetitions(test: Test) -> Iterable[Repetition]:
    for index in range(max(len(test.prefill), len(test.decode))):
        yield Repetition(
            index=index,
            order=index,
            status="ok",
            prefill_tok_per_s=test.prefill[index] if test.prefill else None,
            decode_tok_per_s=test.decode[index] if test.decode else None,
            ttft_s=test.ttft_s,
            extra={"mean_of": test.repeats} if test.averaged else {},
        )
