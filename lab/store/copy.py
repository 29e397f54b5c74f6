"""Every run of one store into another: nothing is lost, nothing overwritten, and a second time goes on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from lab.core.errors import LabError, StoreError
from lab.core.home import shown
from lab.core.jsonio import read_bytes
from lab.core.progress import Progress
from lab.formats.digested import DIGEST_KEY, parse_digested
from lab.formats.run_record import SCHEMA, RunRecord, from_json
from lab.store.protocol import Entry, Store, place_in

AT_ONCE = 32


@dataclass
class Copied:
    """What became of the runs. The rest is named: (place in the source, reason)."""

    copied: int = 0
    updated: int = 0  # was unfinished there
    already: int = 0  # the same document, or a later state of an unfinished one
    conflicts: list[tuple[str, str]] = field(default_factory=list)
    damaged: list[tuple[str, str]] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """1 when something could not be copied."""
        return 1 if self.conflicts or self.damaged else 0


@dataclass(frozen=True)
class _Run:
    record: RunRecord
    sha256: str
    content: bytes


def copy_runs(source: Store, to: Store, progress: Progress) -> Copied:
    """Copy every run of `source` that `to` does not hold, oldest first, each document byte for byte.

    A damaged one is named and left out. One that `to` holds with other content is named and stays as it is there,
    unless it is unfinished there and finished here.

    Raises:
        StoreError: one of the stores cannot be reached or written. What was copied by then stays.
    """
    found, there = Copied(), {entry.run_id: entry for entry in to.entries()}
    listed = sorted(source.entries())
    with progress.phase(f"copy to {to.name}", len(listed), "runs") as advance:
        for entry, content in _contents(source, listed):
            _copy(entry, content, to, there, found)
            advance(1)
    return found


def _copy(entry: Entry, content: bytes | LabError, to: Store, there: dict[str, Entry], found: Copied) -> None:
    try:
        run = _read(content, entry.place)
    except LabError as problem:
        where = _shown(entry.place)
        found.damaged.append((where, problem.what.removeprefix(f"{where}: ")))
        return
    other = there.get(run.record.run_id)
    if other is None and to.add(run.record, run.content):
        found.copied += 1
    else:
        _meet(entry, run, to, other, found)


def _meet(entry: Entry, run: _Run, to: Store, other: Entry | None, found: Copied) -> None:
    """A run of this id is in `to` already; `other` is None where it came there after the listing."""
    place = str(to.place_of(run.record)) if other is None else other.place
    try:
        existing = _read(_content(to, place), place)
    except LabError as problem:
        found.conflicts.append((_shown(entry.place), f"{_shown(place)} is damaged: {problem.what}"))
        return
    states = run.record.status == "running", existing.record.status == "running"
    if existing.sha256 == run.sha256 or states == (True, False):
        found.already += 1
    elif states == (False, True):
        to.write(run.record, run.content)
        found.updated += 1
    else:
        found.conflicts.append((_shown(entry.place), f"{_shown(place)} holds another document of the same id"))


def _contents(source: Store, listed: list[Entry]) -> Iterator[tuple[Entry, bytes | LabError]]:
    for start in range(0, len(listed), AT_ONCE):
        some = listed[start : start + AT_ONCE]
        fetched = source.contents(some)
        for entry in some:
            yield entry, fetched[entry.place] if entry.place in fetched else _one(source, entry)


def _one(source: Store, entry: Entry) -> bytes | LabError:
    try:
        return _content(source, entry.place)
    except StoreError as problem:
        return problem


def _content(store: Store, text: str) -> bytes:
    place = place_in(store, text)
    return read_bytes(place, error=StoreError) if isinstance(place, Path) else store.content(place)


def _read(content: bytes | LabError, text: str) -> _Run:
    if isinstance(content, LabError):
        raise content
    where = _shown(text)
    document = parse_digested(content, SCHEMA, where=where)
    sha256 = document.pop(DIGEST_KEY)
    return _Run(from_json(document, where=where), sha256, content)


def _shown(text: str) -> str:
    return text if "://" in text else shown(Path(text))
