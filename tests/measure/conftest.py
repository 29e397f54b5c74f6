from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import store
from lab.core.home import using_home
from lab.formats.run_record import RunRecord
from tests.formats.unknown_keys import unknown_keys
from tests.measure.bench import Bench
from tests.measure.peers import Peers


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """A session that stores its records below tmp_path; however it ends, each key of them is one that lab declares."""
    monkeypatch.setenv("LAB_HOME", str(tmp_path / "home"))
    yield Bench(tmp_path)
    with using_home(tmp_path / "home"):
        stored = [record for record in store.read_entries(store.entries()) if isinstance(record, RunRecord)]
    assert [key for record in stored for key in unknown_keys(record)] == []


@pytest.fixture
def peers(bench: Bench) -> Peers:
    """A session of our runner and llama.cpp."""
    return Peers(bench)
