"""A database for each test, and both stores behind one name."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab import store
from lab.store.location import Inside, Place
from tests.postgres import Server, database, server

__all__ = ["database", "server"]


class Both:
    """What a test does behind the back of a store, whichever it is."""

    def __init__(self, server: Server | None) -> None:
        self.server = server

    def content(self, place: Place) -> bytes:
        """The bytes as they lie there, past lab's own reading."""
        if isinstance(place, Path):
            return place.read_bytes()
        assert self.server is not None
        ((document,),) = self.server.ask("select document from lab_runs where run_id = %s", place.name)
        return str(document).encode()

    def put(self, place: Place, content: bytes) -> None:
        """Edit the document by hand."""
        if isinstance(place, Path):
            place.write_bytes(content)
            return
        assert self.server is not None
        assert isinstance(place, Inside)
        self.server.ask("update lab_runs set document = %s where run_id = %s", content.decode(), place.name)


@pytest.fixture
def sql(database: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The database is the store in use."""
    monkeypatch.setenv("LAB_STORE", database)
    return database


@pytest.fixture(params=["files", "postgresql"])
def both(request: pytest.FixtureRequest, home: Path) -> Both:
    """The test runs once with files and once with PostgreSQL."""
    if request.param == "files":
        return Both(None)
    request.getfixturevalue("sql")
    assert store.in_use().name.startswith("postgresql://")
    return Both(request.getfixturevalue("server"))
