"""Imported runs into the store: each once, and none over another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from lab.core import store
from lab.core.errors import ForeignFileError
from lab.core.run_record import RunRecord, to_json

Outcome = Literal["new", "already here"]


@dataclass(frozen=True)
class Kept:
    """A run of a file, and whether the store has it already."""

    record: RunRecord
    outcome: Outcome


def sort_out(records: Sequence[RunRecord]) -> list[Kept]:
    """Return every run with what storing it means; nothing is written.

    Of the same run in two formats the one with samples is kept, where neither is stored yet.

    Raises:
        ForeignFileError: two different runs, of the files or the store, have one id.
    """
    stored = {entry.run_id: entry for entry in store.entries()}
    met: dict[str, RunRecord] = {}
    kept = []
    for record in sorted(records, key=_averaged):
        other: Any = met.get(record.run_id)
        if other is None and record.run_id in stored:
            other = store.read_entry(stored[record.run_id])
        if other is not None and not _same(record, other):
            raise _clash(record, other)
        kept.append(Kept(record, "new" if other is None else "already here"))
        met[record.run_id] = record
    return kept


def save_new(kept: Sequence[Kept]) -> None:
    """Store what is new. Ctrl-C between two of them loses nothing: the next import goes on from there."""
    for one in kept:
        if one.outcome == "new":
            store.save(one.record)


def _averaged(record: RunRecord) -> bool:
    return any("mean_of" in one.extra for cell in record.cells for one in cell.repetitions)


def _same(record: RunRecord, other: RunRecord | store.BadRun) -> bool:
    if isinstance(other, store.BadRun):
        return False
    rows, others = (_rows(one) for one in (record, other))
    if rows is None or others is None:
        return to_json(record) == to_json(other)
    return rows == others and record.target.name == other.target.name


def _rows(record: RunRecord) -> str | None:
    imported = record.extra.get("imported")
    return str(imported.get("rows_sha256")) if isinstance(imported, dict) else None


def _clash(record: RunRecord, other: RunRecord | store.BadRun) -> ForeignFileError:
    if isinstance(other, store.BadRun):
        return ForeignFileError(
            f"run {record.run_id} is stored already and cannot be read: {other.reason}",
            hint="set that file aside first",
        )
    if record.target.name != other.target.name:
        return ForeignFileError(
            f"run {record.run_id} is stored already, under target {other.target.name}",
            hint=f"import it with --target {other.target.name}, or remove that run first",
        )
    return ForeignFileError(
        f"run {record.run_id} is stored already, and it is another run", hint="nothing was imported"
    )
