"""A home of its own for every test, and a way to run `lab` as a user does."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lab import store
from lab.cli import main
from lab.formats.run_record import RunRecord
from tests.analysis.documents import record
from tests.postgres import database, server

__all__ = ["database", "server"]


@dataclass(frozen=True)
class Ran:
    """What a command did: its exit code and both outputs."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """stdout as the one JSON document that it has to be."""
        return json.loads(self.out)


Lab = Callable[..., Ran]
Keep = Callable[..., RunRecord]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LAB_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "100")
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


@pytest.fixture
def lab(home: Path, capfd: pytest.CaptureFixture[str]) -> Lab:
    def run(*argv: str) -> Ran:
        capfd.readouterr()
        code = main(list(argv))
        said = capfd.readouterr()
        return Ran(code, said.out, said.err)

    return run


@pytest.fixture
def keep(home: Path) -> Keep:
    """Store a recorded run, the sound one with the given parts replaced."""

    def put(**changes: Any) -> RunRecord:
        run = record(**changes)
        store.save(run)
        return run

    return put
