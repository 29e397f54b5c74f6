"""JSON documents that are computed rather than stored."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from lab.analysis.boards.board import Board
from lab.analysis.boards.build import StoredBoard
from lab.analysis.compare.axis import Table
from lab.analysis.compare.gate import Gate
from lab.analysis.compare.rows import Row
from lab.analysis.judging.verdict import Verdict
from lab.analysis.run.flags import run_flags
from lab.analysis.run.summary import summarise
from lab.core.errors import BundleError, LabError
from lab.core.fields import encode
from lab.core.jsonio import read_json
from lab.formats.dashboard import DashboardSpec
from lab.formats.manifest import MANIFEST_NAME
from lab.formats.run_record import RunRecord
from lab.formats.target import TargetSpec
from lab.store import run_path
from lab.store.copy import Copied


def run_row(record: RunRecord) -> dict[str, Any]:
    """One run with the summary of each of its cells."""
    return {
        "run_id": record.run_id,
        "created_at": record.created_at,
        "status": record.status,
        "reason": record.reason,
        "target": record.target.name,
        "model": record.model.label,
        "flags": [asdict(flag) for flag in run_flags(record)],
        "cells": [asdict(cell) for cell in summarise(record)],
        "path": str(run_path(record)),
    }


def targets_document(targets: Mapping[str, TargetSpec | LabError]) -> dict[str, Any]:
    """Every target with all its settings, and the reason for each that cannot be read."""
    good = [encode(target) for target in targets.values() if isinstance(target, TargetSpec)]
    bad = {name: problem for name, problem in targets.items() if isinstance(problem, LabError)}
    unreadable = [{"name": name, "reason": problem.what} for name, problem in bad.items()]
    return {"targets": good, "unreadable": unreadable}


def folder_document(folder: Path) -> dict[str, Any]:
    """A folder of compiled/ and its manifest as it stands."""
    return {"folder": str(folder), "manifest": read_json(folder / MANIFEST_NAME, error=BundleError)}


def copied_document(source: str, to: str, found: Copied) -> dict[str, Any]:
    """What was copied between two stores, with the exit code that `lab store copy` leaves with."""
    named = {
        kind: [{"path": place, "reason": reason} for place, reason in getattr(found, kind)]
        for kind in ("conflicts", "damaged")
    }
    return {"from": source, "to": to, **asdict(found), **named, "exit_code": found.exit_code}


def verdict_document(verdict: Verdict) -> dict[str, Any]:
    """Return one verdict whole; `settings` is an object of the fields that tell it from others of its cell."""
    plain = asdict(replace(verdict, series_a=None, series_b=None))
    del plain["series_a"], plain["series_b"]  # whole conditions of both: `settings` and the notes say what differs
    return {**plain, "settings": dict(verdict.settings)}


def gate_document(gate: Gate) -> dict[str, Any]:
    """Return the judgement whole, what would prove the unproven, and the exit code in a number and in words."""
    found = gate.judgement
    verdicts = [{**verdict_document(verdict), "is_alarm": verdict.is_alarm} for verdict in found.verdicts]
    return {
        "exit_code": gate.exit_code,
        "outcome": gate.outcome,
        "baseline": found.a,
        "candidate": found.b,
        "runs": gate.runs,
        "sessions": [gate.sessions(side) for side in (0, 1)],
        "level": found.level,
        "correction": found.correction,
        "notes": [*found.notes, *gate.notes],
        "unreachable": gate.unreachable,
        "alarms": len(gate.alarms),
        "unproven": len(gate.unproven),
        "more": [asdict(one) for one in gate.more],
        "verdicts": verdicts,
    }


def axis_document(found: Table) -> dict[str, Any]:
    """Return the table with every verdict whole; metric "" is the cell itself."""
    return {
        "axis": found.axis,
        "baseline": found.reference,
        "values": [{"value": value, "runs": list(found.runs[value])} for value in found.values],
        "notes": {value: list(notes) for value, notes in found.notes.items()},
        "rows": [_axis_row(row) for row in found.rows],
        "exit_code": found.exit_code,
    }


def _axis_row(row: Row) -> dict[str, Any]:
    verdicts = {value: verdict_document(verdict) for value, verdict in row.verdicts.items()}
    return {
        "cell": asdict(row.cell),
        "settings": dict(row.settings),
        "baseline": row.a,
        "within": row.within,
        "measured": {value: asdict(one) for value, one in row.measured.items()},
        "best": row.best,
        "verdicts": verdicts,
    }


def board_document(found: StoredBoard) -> dict[str, Any]:
    """The board with all that its cells know, the exit code, and the runs that could not be read."""
    unreadable = [{"path": str(one.path), "reason": one.reason} for one in found.bad]
    document = {**_board(found.board), "exit_code": found.board.exit_code, "unreadable": unreadable}
    plain: dict[str, Any] = _plain(document)
    return plain


def _board(board: Board) -> dict[str, Any]:
    """The fields of a board; of its columns the titles, and the facts that tell them apart."""
    fields = asdict(board)
    for cell in (cell for row in fields["rows"] for cell in row["cells"]):
        if cell["verdict"] is not None:
            del cell["verdict"]["series_a"], cell["verdict"]["series_b"]
        del cell["change"]  # its word, its reason and its run stand in the cell
    for chart in fields["charts"]:
        del chart["left_out_lines"]  # their names stand in it
        for series in chart["series"]:
            del series["under"]
    columns = {}
    for name, of in (("row", fields.pop("row_columns")), ("column", fields.pop("columns"))):
        columns[f"{name}_titles"] = [column["title"] for column in of]
        columns[f"{name}_facts"] = [column["fact"] for column in of]
    head = {name: fields.pop(name) for name in ("name", "title", "description")}
    return {**head, **columns, **fields}


def dashboards_document(checked: Mapping[str, DashboardSpec | list[LabError]]) -> dict[str, Any]:
    """Every dashboard with all its settings, and of each that cannot be read all its mistakes, the first as reason."""
    good = [encode(one) for one in checked.values() if isinstance(one, DashboardSpec)]
    bad = []
    for name, found in checked.items():
        if isinstance(found, list):
            mistakes = [{"reason": one.what, "hint": one.hint} for one in found]
            bad.append({"name": name, **mistakes[0], "mistakes": mistakes})
    return {"dashboards": good, "unreadable": bad}


def _plain(value: Any) -> Any:
    """The same with null for numbers that JSON has none of."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
