"""Runs as rows: the document as it stands, and beside it the columns that queries need.

Who may replace a row: a run that is still "running" gives way to any later state of it, as a file does. A finished one
gives way only to a process that knows it, because it wrote or loaded that very state: nobody overwrites what another
one finished meanwhile.
"""

from __future__ import annotations

import atexit
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg  # noqa: F401 - so that a missing driver is told when the store is opened
from sqlalchemy import Connection, Engine, create_engine, delete, func, or_, select
from sqlalchemy.dialects.postgresql import insert

from lab.core.errors import StoreError
from lab.core.jsonio import parse_json
from lab.formats.digested import DIGEST_KEY
from lab.formats.run_record import RunRecord
from lab.store.location import Inside
from lab.store.protocol import Entry
from lab.store.sql.faults import told
from lab.store.sql.tables import HEAD, RUNS, check_readable, migrate, revision
from lab.store.sql.url import Database, database

KNOWN_MAX = 1000  # states that one process remembers; who loads more and saves them has to load them again


def open_store(url: str) -> SqlStore:
    """Return the store in the database at `url`; nothing is asked of it yet."""
    place = database(url)
    with told(place):
        engine = create_engine(place.url, pool_size=1, max_overflow=4, pool_pre_ping=True, hide_parameters=True)
    store = SqlStore(place, engine)
    atexit.register(store.close)
    return store


class SqlStore:
    """The runs in one database. Its tables are made when the first run is written."""

    def __init__(self, place: Database, engine: Engine) -> None:
        self._at = place
        self._engine = engine
        self._revision: str | None = None
        self._known: dict[str, set[str]] = {}  # run id -> digests that this process wrote or loaded

    @property
    def name(self) -> str:
        """The database, without user and password."""
        return self._at.name

    @property
    def where(self) -> str:
        """The same."""
        return self.name

    def close(self) -> None:
        """End the connections; the next call makes new ones."""
        self._engine.dispose()

    def ready(self) -> None:
        """Connect, and make the tables or bring them up; StoreError when that cannot be done."""
        with self._writing():
            pass

    def entries(self, target: str | None = None) -> list[Entry]:
        """Return every run, of one target when given."""
        columns = (RUNS.c.created_at, RUNS.c.run_id, RUNS.c.label, RUNS.c.target, RUNS.c.sha256)
        query = select(*columns)
        with self._reading() as connection:
            if connection is None:
                return []
            rows = connection.execute(query if target is None else query.where(RUNS.c.target == target))
            return [self._entry(*row) for row in rows]

    def place(self, text: str) -> Inside | None:
        """Return the place of a row, for text that begins with this database's name."""
        return Inside.of(text, self.name)

    def content(self, place: Inside) -> bytes:
        """Return the document of a row, which counts as known from now on."""
        found = self._documents([place.name]) if place.holder == self.name else {}
        if place.name not in found:
            raise StoreError(f"{place}: no such run", hint="`lab runs` lists what is stored")
        sha256, document = found[place.name]
        self._remember(place.name, sha256)
        return document.encode("utf-8")

    def contents(self, entries: list[Entry]) -> dict[str, bytes]:
        """Return place -> document of all of them."""
        found = self._documents([entry.run_id for entry in entries])
        return {str(Inside(self.name, run_id)): document.encode("utf-8") for run_id, (_, document) in found.items()}

    def place_of(self, record: RunRecord) -> Inside:
        """Return the place of the record's row."""
        return Inside(self.name, record.run_id)

    def write(self, record: RunRecord, content: bytes) -> Inside:
        """Store the document; StoreError when it would replace a finished run that this process does not know."""
        row = _row(record, content)
        known = self._remember(record.run_id, row["sha256"])  # before: whether it arrived may never be heard
        added = insert(RUNS).values(**row)
        may = or_(RUNS.c.status == "running", RUNS.c.sha256.in_(sorted(known)))
        changes = {name: added.excluded[name] for name in row} | {"saved_at": func.now()}
        query = added.on_conflict_do_update(index_elements=[RUNS.c.run_id], set_=changes, where=may)
        with self._writing() as connection:
            written = connection.scalar(query.returning(RUNS.c.run_id))
        if written is None:
            known.discard(row["sha256"])
            raise _taken(self.place_of(record))
        self._known[record.run_id] = {row["sha256"]}
        return self.place_of(record)

    def add(self, record: RunRecord, content: bytes) -> bool:
        """Store the document unless there is a run of its id."""
        query = insert(RUNS).values(**_row(record, content)).on_conflict_do_nothing()
        with self._writing() as connection:
            return connection.scalar(query.returning(RUNS.c.run_id)) is not None

    def add_many(self, runs: Iterable[tuple[RunRecord, bytes]]) -> Iterator[str]:
        """Store each unless there is a run of its id; yield the ids of those."""
        return (record.run_id for record, content in runs if not self.add(record, content))

    def remove(self, run_ids: Sequence[str]) -> None:
        """Remove the rows of these runs."""
        with self._writing() as connection:
            connection.execute(delete(RUNS).where(RUNS.c.run_id.in_(list(run_ids))))

    @contextmanager
    def alone(self, targets: Iterable[str]) -> Iterator[None]:
        """Hold nobody: a row that somebody else changed meanwhile is never replaced."""
        yield

    @contextmanager
    def _reading(self) -> Iterator[Connection | None]:
        """Yield a connection, or None when there are no tables yet."""
        with told(self._at), self._engine.connect() as connection:
            if self._revision is None:
                found = revision(connection)
                check_readable(found, self.name)
                self._revision = found
            yield None if self._revision is None else connection

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        """Yield a connection to tables that are of this lab, in a transaction."""
        with told(self._at):
            if self._revision != HEAD:
                with self._engine.begin() as connection:
                    migrate(connection, self.name)
                self._revision = HEAD
            with self._engine.begin() as connection:
                yield connection

    def _documents(self, run_ids: list[str]) -> dict[str, tuple[str, str]]:
        query = select(RUNS.c.run_id, RUNS.c.sha256, RUNS.c.document).where(RUNS.c.run_id.in_(run_ids))
        with self._reading() as connection:
            if connection is None:
                return {}
            return {run_id: (sha256, document) for run_id, sha256, document in connection.execute(query)}

    def _entry(self, created_at: str, run_id: str, label: str, target: str, sha256: str) -> Entry:
        stamp = created_at.replace("-", "").replace(":", "")
        return Entry(stamp, run_id, label, target, str(Inside(self.name, run_id)), sha256)

    def _remember(self, run_id: str, sha256: str) -> set[str]:
        known = self._known.pop(run_id, set()) | {sha256}
        while len(self._known) >= KNOWN_MAX:
            del self._known[next(iter(self._known))]
        self._known[run_id] = known
        return known


def _row(record: RunRecord, content: bytes) -> dict[str, Any]:
    return {
        "run_id": record.run_id,
        "created_at": record.created_at,
        "target": record.target.name,
        "label": record.model.label,
        "status": record.status,
        "sha256": parse_json(content, where=f"run {record.run_id}", error=StoreError)[DIGEST_KEY],
        "document": content.decode("utf-8"),
    }


def _taken(place: Inside) -> StoreError:
    return StoreError(
        f"{place}: another lab has finished this run with other content, and it was not replaced",
        hint="load it again before changing it: `lab show` takes the place above",
    )
