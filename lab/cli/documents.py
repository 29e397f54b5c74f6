"""JSON documents that are computed rather than stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lab.analysis.run.flags import run_flags
from lab.analysis.run.summary import summarise
from lab.core.errors import BundleError, LabError
from lab.core.fields import encode
from lab.core.jsonio import read_json
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
