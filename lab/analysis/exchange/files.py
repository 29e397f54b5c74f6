"""A file of unknown origin: what it is, and the runs in it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.analysis.exchange.fields import Fields
from lab.analysis.exchange.found import Found
from lab.analysis.exchange.llama_rows import llama_row
from lab.analysis.exchange.llama_text import FIRST, csv_rows, json_rows, jsonl_rows, table_rows
from lab.analysis.exchange.mlperf import mlperf_found
from lab.analysis.exchange.pocketpal import pocketpal_found
from lab.analysis.exchange.records import Source, records_of
from lab.core.digested import DAMAGED, DIGEST_KEY
from lab.core.errors import ForeignFileError, UsageError
from lab.core.home import shown
from lab.core.jsonio import MOST_DIGITS, digest, parse_json, read_bytes
from lab.core.run_record import RunRecord, from_json

MAX_BYTES = 64 << 20
LAB = "lab"
Rows = Callable[[str, str], list[dict[str, Any]]]
LLAMA: dict[str, Rows] = {
    "llama-bench-json": json_rows,
    "llama-bench-jsonl": jsonl_rows,
    "llama-bench-csv": csv_rows,
    "llama-bench-sql": table_rows,
}
REPORTS: dict[str, Callable[[dict[str, Any], str], Found]] = {
    "mlperf-mobile": mlperf_found,
    "pocketpal": pocketpal_found,
}
FORMATS = (*LLAMA, *REPORTS, LAB)
READABLE = (
    "lab reads llama-bench's JSON, JSONL, CSV and SQL, PocketPal reports, MLPerf Mobile results, and its own runs"
)


@dataclass(frozen=True)
class ReadFile:
    """What a file holds: its runs, and the rows that are of no use, each with the reason."""

    path: Path
    format: str
    records: tuple[RunRecord, ...]
    skipped: tuple[tuple[int, str], ...]


def read_file(path: Path, target: str | None, format: str | None = None, *, emulated: bool = False) -> ReadFile:
    """Read the file at `path` as results of `target`; the format is found out from the content where it is None.

    Raises:
        ForeignFileError: it is none of the formats, or a row is not what its format says.
        UsageError: rows of another tool need a target and have none.
    """
    name, data = shown(path), _data(path)
    text = _text(data, name)
    chosen = format or _format(text, name)
    if chosen == LAB:
        return ReadFile(path, chosen, (_own(text, name, target),), ())
    if target is None:
        raise UsageError(f"{name}: it does not say which of your targets it measured", hint="name it with --target")
    found = _found(text, name, chosen)
    if not found.tests:
        why = "; ".join(dict.fromkeys(reason for _, reason in found.skipped[:3])) or "it has no rows"
        raise ForeignFileError(f"{name}: nothing to import: {why}")
    source = Source(path.name, hashlib.sha256(data).hexdigest(), chosen)
    records = records_of(found.tests, source, target, emulated=emulated)
    return ReadFile(path, chosen, tuple(records), found.skipped)


def _data(path: Path) -> bytes:
    data = read_bytes(path, error=ForeignFileError)
    if len(data) > MAX_BYTES:
        raise ForeignFileError(f"{shown(path)}: {len(data)} bytes are too many", hint="import it in parts")
    return data


def _text(data: bytes, name: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        raise ForeignFileError(f"{name}: not text in UTF-8", hint=READABLE) from problem


def _format(text: str, name: str) -> str:
    """Tell the format by how the content begins, and for one JSON object by its keys."""
    start = text.lstrip()
    if start.startswith("["):
        return "llama-bench-json"
    if start.startswith(",".join(FIRST)):
        return "llama-bench-csv"
    if start[:6].upper() in ("CREATE", "INSERT"):
        return "llama-bench-sql"
    if start.startswith("{"):
        return _object_format(text, name)
    raise ForeignFileError(f"{name}: not a format that lab knows", hint=READABLE)


def _object_format(text: str, name: str) -> str:
    first = text.lstrip().partition("\n")[0]
    if first.rstrip().endswith("}") and '"test_time"' in first:
        return "llama-bench-jsonl"
    keys = set(_object(text, name))
    for format, needed in (
        ("pocketpal", {"runs", "bench"}),
        ("mlperf-mobile", {"results", "environment_info", "build_info"}),
        (LAB, {"run_id", "cells", "protocol"}),
    ):
        if needed <= keys:
            return format
    raise ForeignFileError(f"{name}: not a format that lab knows", hint=READABLE)


def _found(text: str, name: str, format: str) -> Found:
    if format in REPORTS:
        return REPORTS[format](_object(text, name), name)
    rows = LLAMA[format](text, name)
    return Found(tuple(llama_row(Fields(name, number, row)) for number, row in enumerate(rows, 1)))


def _object(text: str, name: str) -> dict[str, Any]:
    found = parse_json(text, where=name, error=ForeignFileError, max_digits=MOST_DIGITS)
    if not isinstance(found, dict):
        raise ForeignFileError(f"{name}: expected one object")
    return found


def _own(text: str, name: str, target: str | None) -> RunRecord:
    """A run of lab's own, from another store: it keeps its id, its target and its digest."""
    document = _object(text, name)
    said = document.pop(DIGEST_KEY, None)
    if said != digest(document):
        raise ForeignFileError(f"{name}: its content does not match its {DIGEST_KEY}", hint=DAMAGED)
    record = from_json(document, where=name)
    if target not in (None, record.target.name):
        raise UsageError(f"{name} is a run of target {record.target.name}, not of {target}", hint="leave --target out")
    return record
