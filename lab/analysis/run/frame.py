"""Recorded runs as a table, for pandas and for Parquet: one row a repetition, identity repeated in every row."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from lab.analysis.points.settings import settings_of
from lab.analysis.run.flags import doubts
from lab.analysis.run.gpu import fell_back
from lab.analysis.run.stats import percentile
from lab.analysis.run.summary import value_of
from lab.analysis.tools import protocol_of, tool_of
from lab.formats.metrics import metric, per_repetition
from lab.formats.run_record import Cell, Repetition, RunRecord

if TYPE_CHECKING:
    import pandas as pd

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
    "tool",
    "protocol",
    "settings",
    "revision",
    "tags",
)
SHAPE = ("prompt", "generate", "depth")
PLACE = ("index", "order", "status", "reason")
DOUBTS = "doubts"
GAPS = ("itl_p50_s", "itl_p90_s", "itl_p99_s")
STATES = ("state_before", "state_during", "state_after")
# Every raw sample, in the order it was taken; states are JSON texts.
RAW = ("submit_ns", "token_ns", "itl_s", "bandwidth_bytes_per_s", "warmup_decode_s", "tokens_sha256", *STATES)

BOOLS = ("emulated", "synthetic", "fell_back", "git_dirty", "throttled")
COUNTS = (*SHAPE, "layers", "layers_total", "threads", "index", "order", "submit_ns")
LISTS = ("itl_s", "bandwidth_bytes_per_s", "warmup_decode_s")


def columns() -> tuple[str, ...]:
    """Return the names of all columns but RAW: each metric that repetitions have is one."""
    return (*IDENTITY, *SHAPE, *PLACE, DOUBTS, *per_repetition(), "rss_peak_counter", *GAPS, "throttled")


def to_frame(records: Iterable[RunRecord], *, raw: bool = False) -> pd.DataFrame:
    """Return one row for each repetition of each record, with all of `columns` always there; null is missing.

    With `raw` the columns RAW stand behind them.
    """
    frame: pd.DataFrame = to_table(records, raw=raw).to_pandas()
    return frame


def to_table(records: Iterable[RunRecord], *, raw: bool = False) -> pa.Table:
    """Return the same as an Arrow table of `table_schema`."""
    return pa.Table.from_pylist([row for record in records for row in rows(record)], schema=table_schema(raw=raw))


def table_schema(*, raw: bool) -> pa.Schema:
    """Return the names and types of the columns."""
    return pa.schema([(name, _type(name)) for name in (*columns(), *(RAW if raw else ()))])


def _type(name: str) -> pa.DataType:
    if name in BOOLS:
        return pa.bool_()
    if name in COUNTS or (name in per_repetition() and metric(name).format in ("bytes", "count")):
        return pa.int64()
    if name == "token_ns":
        return pa.list_(pa.int64())
    if name in LISTS:
        return pa.list_(pa.float64())
    return pa.float64() if name in (*per_repetition(), *GAPS) else pa.string()


def rows(record: RunRecord) -> Iterator[dict[str, Any]]:
    """Yield the same rows as plain data, null where nothing was measured."""
    identity = _identity(record)
    for cell in record.cells:
        for repetition in cell.repetitions:
            yield {**identity, **_repetition(cell, repetition), **_raw(repetition)}


def empty_cells(record: RunRecord) -> Iterator[dict[str, Any]]:
    """Yield a row for each cell without repetitions: what it should have measured, its status and its reason."""
    identity = _identity(record)
    for cell in record.cells:
        if not cell.repetitions:
            shape = {"prompt": cell.prompt, "generate": cell.generate, "depth": cell.depth}
            reason = cell.reason or record.reason
            yield {**dict.fromkeys(columns()), **identity, **shape, "status": cell.status, "reason": reason}


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
        "tool": tool_of(record),
        "protocol": protocol_of(record),
        "settings": json.dumps(dict(settings_of(record))),
        "revision": record.revision.commit if record.revision else None,
        "tags": ",".join(record.tags),
    }


def _repetition(cell: Cell, repetition: Repetition) -> dict[str, Any]:
    names = (*PLACE, *per_repetition(), "rss_peak_counter", "throttled")
    gaps = repetition.itl_s or ()
    shape = {"prompt": cell.prompt, "generate": cell.generate, "depth": cell.depth}
    measured = {name: value_of(repetition, name) for name in names}
    found = ",".join(one.code for one in doubts(cell)) or None
    return {**shape, **measured, DOUBTS: found, **{f"itl_p{q}_s": percentile(gaps, q) for q in (50, 90, 99)}}


def _raw(repetition: Repetition) -> dict[str, Any]:
    plain = {name: getattr(repetition, name) for name in RAW if name not in ("warmup_decode_s", *STATES)}
    states = {name: getattr(repetition, name) for name in STATES}
    spelt = {name: None if state is None else json.dumps(state, ensure_ascii=False) for name, state in states.items()}
    return {**plain, **spelt, "warmup_decode_s": repetition.warmup.decode_s if repetition.warmup else None}
