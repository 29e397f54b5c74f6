"""Recorded runs as a table for pandas: one row a repetition, identity repeated in every row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pandas as pd

from lab.analysis.gpu import fell_back
from lab.analysis.stats import percentile
from lab.analysis.summary import PER_REPETITION
from lab.core.run_record import Cell, Repetition, RunRecord

IDENTITY = (
    "run_id",
    "created_at",
    "run_status",
    "target",
    "device",
    "emulated",
    "model",
    "quant",
    "layers",
    "layers_total",
    "synthetic",
    "engine",
    "effective",
    "fell_back",
    "threads",
    "bundle",
    "lab_version",
    "git_commit",
    "git_dirty",
    "protocol",
    "settings",
)
SHAPE = ("prompt", "generate", "depth")
PLACE = ("index", "order", "status", "reason")
GAPS = ("itl_p50_s", "itl_p90_s", "itl_p99_s")
COLUMNS = (*IDENTITY, *SHAPE, *PLACE, *PER_REPETITION, "rss_peak_counter", *GAPS, "throttled")


def to_frame(records: Iterable[RunRecord]) -> pd.DataFrame:
    """Return one row for each repetition of each record, with COLUMNS always all there; null is missing."""
    return pd.DataFrame([row for record in records for row in _rows(record)], columns=list(COLUMNS))


def _rows(record: RunRecord) -> Iterator[dict[str, Any]]:
    identity = _identity(record)
    for cell in record.cells:
        for repetition in cell.repetitions:
            yield {**identity, **_repetition(cell, repetition)}


def _identity(record: RunRecord) -> dict[str, Any]:
    return {
        "run_id": record.run_id,
        "created_at": record.created_at,
        "run_status": record.status,
        "target": record.target.name,
        "device": record.device.serial_hash,
        "emulated": record.device.emulated,
        "model": record.model.id,
        "quant": record.model.quant,
        "layers": record.model.layers,
        "layers_total": record.model.layers_total,
        "synthetic": record.weights.synthetic,
        "engine": record.engine.name,
        "effective": record.engine.effective,
        "fell_back": fell_back(record),
        "threads": record.engine.threads,
        "bundle": record.bundle.key,
        "lab_version": record.lab.version,
        "git_commit": record.lab.git_commit,
        "git_dirty": record.lab.git_dirty,
        "protocol": record.protocol.version,
        "settings": record.plan.settings_fingerprint,
    }


def _repetition(cell: Cell, repetition: Repetition) -> dict[str, Any]:
    names = (*PLACE, *PER_REPETITION, "rss_peak_counter", "throttled")
    gaps = repetition.itl_s or ()
    shape = {"prompt": cell.prompt, "generate": cell.generate, "depth": cell.depth}
    measured = {name: getattr(repetition, name) for name in names}
    return {**shape, **measured, **{f"itl_p{q}_s": percentile(gaps, q) for q in (50, 90, 99)}}
