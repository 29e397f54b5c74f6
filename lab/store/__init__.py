"""The contract of recorded runs: each whole or reported, never silently dropped.

They are files under profiles/, or rows of the database that $LAB_STORE names. Everybody calls these functions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from lab.core.decode import check_numbers
from lab.core.errors import LabError, StoreError
from lab.core.fields import known_fields
from lab.core.home import shown
from lab.core.jsonio import read_bytes
from lab.formats.digested import DIGEST_KEY, dense_bytes, digested_bytes, parse_digested, plain
from lab.formats.run_record import SCHEMA, Repetition, RunRecord, from_json, to_json
from lab.store.choose import in_use
from lab.store.find import damaged_hint, find_in
from lab.store.location import Inside, Place
from lab.store.protocol import BadRun, Entry, Source, Store, place_in

__all__ = [
    "BadRun",
    "Entry",
    "Found",
    "Inside",
    "Place",
    "Source",
    "Store",
    "add_all",
    "alone",
    "content",
    "entries",
    "find",
    "in_use",
    "iter_runs",
    "load",
    "load_document",
    "place",
    "read",
    "read_at",
    "read_entries",
    "read_entry",
    "run_path",
    "save",
]

LARGEST_BYTES = 1 << 28  # a run with a million raw samples is a tenth of it
NULLABLE = {one.name for one in known_fields(Repetition) if one.default is None}
AT_ONCE = 32  # documents fetched from a database together: enough to hide the way there, little enough to hold


def save(record: RunRecord) -> Place:
    """Store the record, replacing an earlier state of the same run, and return its place.

    What is saved can be loaded: a record that breaks the format is a StoreError and nothing is written.
    """
    where = f"run {record.run_id}"
    document = plain(_short(to_json(record)), where=where)
    spelled = dense_bytes if _is_imported(document) else digested_bytes
    return in_use().write(from_json(document, where=where), spelled(document))


def add_all(records: Iterable[RunRecord]) -> Iterator[str]:
    """Store many new runs, and yield the ids of those that are stored already, which stay as they are.

    Each is whole or not there. All are on the disk when the last was asked for.
    """
    return in_use().add_many(_documents(records))


def alone(targets: Iterable[str]) -> AbstractContextManager[None]:
    """Keep others from changing stored runs of these targets; waits until they have done."""
    return in_use().alone(targets)


def _documents(records: Iterable[RunRecord]) -> Iterator[tuple[RunRecord, bytes]]:
    last: dict[str, Any] = {}
    for record in records:
        where = f"run {record.run_id}"
        document = _short(to_json(record))
        # Cells of a run are alike, so that the first stands for the form of all; numbers are looked at in each. So do
        # runs that differ in nothing but their tests.
        head = {**document, "run_id": "", "created_at": "", "cells": [], "plan": {**document["plan"], "cells": []}}
        head.pop("imported", None)
        if head != last:
            from_json({**document, "cells": document["cells"][:1]}, where=where)
            last = head
        check_numbers(document["cells"], where=where, error=StoreError)
        yield record, dense_bytes(document)


def _short(document: dict[str, Any]) -> dict[str, Any]:
    """Leave out what was not measured of imported repetitions, where the format lets it be left out: it is most."""
    if not _is_imported(document):
        return document
    for cell in document["cells"]:
        cell["repetitions"] = [_without_nulls(one) for one in cell["repetitions"]]
    return document


def _is_imported(document: dict[str, Any]) -> bool:
    return "imported" in document


def _without_nulls(repetition: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in repetition.items() if value is not None or name not in NULLABLE}


def run_path(record: RunRecord) -> Place:
    """Return where the record is stored, or would be."""
    return in_use().place_of(record)


def place(text: str) -> Place:
    """Return the place that the `place` of an entry, or what `str` made of a place, stands for."""
    return place_in(in_use(), text)


def content(place: Place) -> bytes:
    """Return the document exactly as it stands, not checked; StoreError when it cannot be read."""
    if isinstance(place, Path):
        return read_bytes(place, error=StoreError, limit_bytes=LARGEST_BYTES, kind="a recorded run")
    return in_use().content(place)


def load(place: Place, document: bytes | None = None) -> RunRecord:
    """Return the record at `place`; StoreError names the place and what is wrong with it.

    `document` is its content, where that was read already.
    """
    return _record(place, content(place) if document is None else document)


def load_document(place: Place) -> dict[str, Any]:
    """Return the plain data of the document exactly as it stands, its digest included and checked."""
    return parse_digested(content(place), SCHEMA, where=shown(place))


def find(ref: str) -> Place:
    """Return the place of a run: by id, unique beginning of an id, path, `latest`, `latest~1`, or what lab printed."""
    return find_in(in_use(), ref)


@dataclass(frozen=True)
class Found:
    """A stored run that somebody named: its place, the document exactly as it stands there, and what it says."""

    place: Place
    document: bytes
    record: RunRecord


def read(ref: str) -> Found:
    """Return the run that `ref` names, as `find` does; StoreError says what to do where it is damaged."""
    at = find(ref)
    try:
        document = content(at)
        return Found(at, document, load(at, document))
    except StoreError as problem:
        problem.hint = problem.hint or damaged_hint(ref)
        raise


def entries(target: str | None = None) -> list[Entry]:
    """Return every stored run, oldest first, of one target when given. No document is read."""
    return sorted(in_use().entries(target))


def read_entry(entry: Entry) -> RunRecord | BadRun:
    """Return the run, or why it cannot be believed."""
    return _read(entry, None)


def read_at(text: str) -> RunRecord | BadRun:
    """Return the run at what an entry once gave as its place, or why it cannot be believed."""
    at = place(text)
    try:
        return load(at)
    except LabError as problem:
        return BadRun(at, problem.what)


def read_entries(wanted: Iterable[Entry]) -> Iterator[RunRecord | BadRun]:
    """Yield what `read_entry` returns of each, in their order; a database is asked for many at a time."""
    left = iter(wanted)
    while some := list(islice(left, AT_ONCE)):
        fetched = in_use().contents(some)
        for entry in some:
            yield _read(entry, fetched.get(entry.place))


def iter_runs(target: str | None = None, model: str | None = None) -> Iterator[RunRecord | BadRun]:
    """Yield every stored run, oldest first, of one target and of one model id or label when given.

    One that cannot be believed is yielded as BadRun and hides no other.
    """
    return read_entries(entry for entry in entries(target) if model is None or entry.may_be_of(model))


def _read(entry: Entry, fetched: bytes | None) -> RunRecord | BadRun:
    at = place(entry.place)
    try:
        record = _record(at, content(at) if fetched is None else fetched)
    except LabError as problem:
        return BadRun(at, problem.what)
    return record if isinstance(at, Path) else _as_listed(entry, record, at)


def _record(place: Place, content: bytes) -> RunRecord:
    document = parse_digested(content, SCHEMA, where=shown(place))
    del document[DIGEST_KEY]
    return from_json(document, where=shown(place))


def _as_listed(entry: Entry, record: RunRecord, at: Inside) -> RunRecord | BadRun:
    """Return the record unless what lists it says something else: then one of the two was edited."""
    stamp = record.created_at.replace("-", "").replace(":", "")
    says = (stamp, record.run_id, record.model.label, record.target.name)
    if says == (entry.stamp, entry.run_id, entry.label, entry.target):
        return record
    return BadRun(at, f"{at}: it is listed as another run than its document says")
