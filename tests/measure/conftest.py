from __future__ import annotations

from pathlib import Path

import pytest

from tests.measure.bench import Bench
from tests.measure.peers import Peers


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """A session that stores its records below tmp_path."""
    monkeypatch.setenv("LAB_HOME", str(tmp_path / "home"))
    return Bench(tmp_path)


@pytest.fixture
def peers(bench: Bench) -> Peers:
    """A session of our runner and llama.cpp."""
    return Peers(bench)
