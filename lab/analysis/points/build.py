"""From recorded runs to points."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import numpy as np

from lab.analysis.points.key import STATUS, CellKey, Conditions, SeriesKey
from lab.analysis.points.settings import backend_of, columns_of, facts_of, settings_of
from lab.analysis.points.table import FLAGS, STATUSES, Points, Runs
from lab.analysis.points.varying import without_varying
from lab.analysis.run.flags import run_flags
from lab.analysis.run.stats import Stat, describe
from lab.analysis.run.summary import CellSummary, finished, samples, summarise
from lab.formats.metrics import PEAK, judged
from lab.formats.run_record import Cell, RunRecord


@dataclass(frozen=True)
class Row:
    """One point before it became a row of columns."""

    key: SeriesKey
    stat: Stat | None
    status: str
    flags: int
    reason: str


@dataclass
class Builder:
    """Collects runs, then gives the columns."""

    keys: dict[SeriesKey, int] = field(default_factory=dict)
    reasons: dict[str, int] = field(default_factory=dict)
    columns: list[tuple[Any, ...]] = field(default_factory=list)
    runs: list[tuple[Any, ...]] = field(default_factory=list)

    def add(self, record: RunRecord, place: str = "") -> None:
        """Add one run; runs have to come oldest first."""
        number = len(self.runs)
        self.runs.append(_run(record, place))
        for row in rows_of(record):
            self.columns.append(self._column(number, row))

    def points(self) -> Points:
        """Return all that was added."""
        series, run, value, sd, n, status, flags, reason = zip(*self.columns, strict=True) if self.columns else [()] * 8
        return Points(
            keys=tuple(self.keys),
            runs=_runs(self.runs),
            reasons=tuple(self.reasons),
            series=np.asarray(series, np.int32),
            run=np.asarray(run, np.int32),
            value=np.asarray(value, np.float64),
            sd=np.asarray(sd, np.float64),
            n=np.asarray(n, np.int32),
            status=np.asarray(status, np.int8),
            flags=np.asarray(flags, np.int32),
            reason=np.asarray(reason, np.int32),
        )

    def _column(self, run: int, row: Row) -> tuple[Any, ...]:
        series = self.keys.setdefault(row.key, len(self.keys))
        reason = self.reasons.setdefault(row.reason, len(self.reasons)) if row.reason else -1
        stat = row.stat
        value, sd, n = (stat.median, stat.sd, stat.n) if stat else (np.nan, None, 0)
        return series, run, value, np.nan if sd is None else sd, n, STATUSES.index(row.status), row.flags, reason


def points_of(records: Iterable[RunRecord]) -> Points:
    """Return the points of the records, oldest first."""
    builder = Builder()
    for record in sorted(records, key=lambda one: (one.created_at, one.run_id)):
        builder.add(record)
    return without_varying(builder.points())


def rows_of(record: RunRecord) -> Iterator[Row]:
    """Yield the status point of every cell, each followed by those of its metrics."""
    whole = {flag.code for flag in run_flags(record)}
    conditions = _conditions(record)
    for cell, summary in zip(record.cells, summarise(record), strict=True):
        flags = sum(
            1 << place for place, code in enumerate(FLAGS) if code in whole | {one.code for one in summary.flags}
        )
        reason = cell.reason or next((one.reason for one in cell.repetitions if one.reason), None) or ""
        for name, stat, counter in [(STATUS, None, ""), *_measured(cell, summary)]:
            under = replace(conditions, counter=counter) if counter else conditions
            yield Row(SeriesKey(CellKey.of(record, cell, name), under), stat, cell.status, flags, reason)


def _measured(cell: Cell, summary: CellSummary) -> Iterator[tuple[str, Stat, str]]:
    for name in judged():
        if name == PEAK:
            stat = describe([summary.rss_peak_bytes] if summary.rss_peak_bytes is not None else [])
        else:
            stat = describe(samples(finished(cell), name))
        if stat is not None:
            yield name, stat, (summary.rss_peak_counter or "") if name == PEAK else ""


def _conditions(record: RunRecord) -> Conditions:
    facts = facts_of(record)
    return Conditions(
        device="" if facts else record.device.serial_hash,
        effective=backend_of(record),
        threads=record.engine.threads,
        settings=settings_of(record),
        protocol=record.protocol.name or str(record.protocol.version),
        emulated=record.device.emulated,
        synthetic=record.weights.synthetic,
        layers=record.model.layers or 0,  # 0: not known
        layers_total=record.model.layers_total or 0,
        facts=facts,
    )


def _run(record: RunRecord, place: str) -> tuple[Any, ...]:
    at = int(datetime.fromisoformat(record.created_at).timestamp())
    revision = record.revision
    commit, dirty = (revision.commit, revision.dirty) if revision else (record.lab.git_commit, record.lab.git_dirty)
    built = (record.bundle.key, record.lab.version, commit or "", _build_number(record), bool(dirty))
    told = record.tags, columns_of(record), place
    return record.run_id, at, record.status, record.target.name, record.model.label, *built, *told


def _build_number(record: RunRecord) -> int:
    """The number in the engine's version as llama-bench's rows are stored with it: `83bc2f285 (7000)`."""
    number = re.search(r"\(([0-9]{1,9})\)$", record.engine.versions.get(record.engine.name) or "")
    return int(number[1]) if number else 0


def _runs(rows: list[tuple[Any, ...]]) -> Runs:
    run_id, at, status, target, model, bundle, version, commit, number, dirty, tags, columns, place = (
        map(list, zip(*rows, strict=True)) if rows else [[] for _ in range(13)]
    )
    return Runs(
        run_id=run_id,
        created_s=np.asarray(at, np.int64),
        status=status,
        target=target,
        model=model,
        bundle=bundle,
        lab_version=version,
        commit=commit,
        build_number=number,
        dirty=np.asarray(dirty, np.bool_),
        tags=tags,
        columns=np.asarray(columns, np.int64),
        place=place,
    )
