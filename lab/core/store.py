"""The contract of profiles/: one JSON file a run, whole or reported, never silently dropped."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.core.digested import DIGEST_KEY, plain, read_digested, write_digested
from lab.core.errors import LabError
from lab.core.home import profiles_dir, shown
from lab.core.run_files import find, run_files
from lab.core.run_record import SCHEMA, RunRecord, from_json, to_json

__all__ = ["BadRun", "find", "iter_runs", "load", "load_document", "run_path", "save"]


@dataclass(frozen=True)
class BadRun:
    """A file under profiles/ that cannot be believed, and why."""

    path: Path
    reason: str


def save(record: RunRecord) -> Path:
    """Write the record, replacing an earlier state of the same run, and return its path.

    What is saved can be loaded: a record that breaks the format is a StoreError and nothing is written.
    """
    where = f"run {record.run_id}"
    document = plain(to_json(record), where=where)
    path = run_path(from_json(document, where=where))
    write_digested(path, document)
    return path


def run_path(record: RunRecord) -> Path:
    """Return where the record is stored: profiles/<target>/<utc>--<model label>--<run id>.json."""
    stamp = record.created_at.replace("-", "").replace(":", "")
    return profiles_dir() / record.target.name / f"{stamp}--{record.model.label}--{record.run_id}.json"


def load(path: Path) -> RunRecord:
    """Return the record in the file at `path`; StoreError names the file and what is wrong with it."""
    document = load_document(path)
    del document[DIGEST_KEY]
    return from_json(document, where=shown(path))


def load_document(path: Path) -> dict[str, Any]:
    """Return the plain data of the file exactly as it stands, its digest included and checked."""
    return read_digested(path, SCHEMA)


def iter_runs(target: str | None = None, model: str | None = None) -> Iterator[RunRecord | BadRun]:
    """Yield every stored run, oldest first, of one target and of one model id or label when given.

    A file that cannot be believed is yielded as BadRun and hides no other.
    """
    for run in run_files(target):
        if model is None or run.may_be_of(model):
            yield _load_or_report(run.path)


def _load_or_report(path: Path) -> RunRecord | BadRun:
    try:
        return load(path)
    except LabError as problem:
        return BadRun(path, problem.what)
