"""The imported tests that the store has already, by key: each is there once, in whatever run it stands."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from lab import store
from lab.analysis.exchange.imports.cells import is_mean, key_of
from lab.core.jsonio import digest
from lab.formats.run_record import Cell, RunRecord, to_json
from lab.formats.test import Test

AROUND_S = 40 * 3600.0  # a session lasts a day at most, and local times are 14 h off
# What changes when a run grows, and what says nothing of the conditions.
_OWN = ("run_id", "created_at", "status", "reason", "lab", "cells", "imported", "tags", "time_s")


@dataclass(frozen=True, slots=True)
class StoredTest:
    """Where a test stands, and whether it is a mean alone."""

    run_id: str
    target: str
    mean: bool


@dataclass(frozen=True, slots=True)
class StoredRun:
    """An imported run of the store: when it began and ended (seconds since 1970), and the tests that it has."""

    entry: store.Entry
    conditions: str
    start_s: float
    end_s: float
    tests: frozenset[Test]


@dataclass(frozen=True)
class Stored:
    """`runs` in the order of time, `tests` by key. `ids` are all of the store."""

    runs: list[StoredRun]
    tests: dict[str, StoredTest]
    entries: dict[str, store.Entry]


def stored_tests(times_s: Sequence[float] | None) -> Stored:
    """Return what was imported around these times (sorted, seconds since 1970); of all times where that is None."""
    listed = store.entries()
    near = [entry for entry in listed if times_s is None or _is_near(entry, times_s)]
    found = Stored([], {}, {entry.run_id: entry for entry in listed})
    for entry, record in zip(near, store.read_entries(near), strict=True):
        if isinstance(record, RunRecord) and record.imported:
            found.runs.append(_run(entry, record))
            for cell in record.cells:
                found.tests[key_of(record, cell)] = StoredTest(record.run_id, record.target.name, is_mean(cell))
    found.runs.sort(key=lambda run: run.start_s)
    return found


def conditions_of(record: RunRecord) -> str:
    """Return a digest of all that tests of one run share."""
    document: dict[str, Any] = to_json(record)
    plan = {name: value for name, value in document["plan"].items() if name not in ("cells", "repeats")}
    return digest({**{name: value for name, value in document.items() if name not in _OWN}, "plan": plan})


def seconds(time: str) -> float:
    """Return a time of a record in seconds since 1970."""
    return datetime.fromisoformat(time).timestamp()


def _run(entry: store.Entry, record: RunRecord) -> StoredRun:
    times = [seconds(record.created_at), *_times(record.cells)]
    tests = frozenset(Test.of(cell) for cell in record.cells)
    return StoredRun(entry, conditions_of(record), min(times), max(times), tests)


def _times(cells: Iterable[Cell]) -> list[float]:
    found = []
    for cell in cells:
        at = cell.at or (cell.reported or {}).get("test_time")
        try:
            found.append(seconds(str(at)) + float(cell.took_s or 0.0))
        except ValueError:
            continue
    return found


def _is_near(entry: store.Entry, times_s: Sequence[float]) -> bool:
    try:
        at = datetime.strptime(entry.stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError:  # a name that says no time may be of any
        return True
    place = bisect_left(times_s, at - AROUND_S)
    return place < len(times_s) and times_s[place] <= at + AROUND_S
