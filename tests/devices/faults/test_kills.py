"""Host and runner are killed at random moments: afterwards nothing is stuck, nothing is half, and work goes on."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.devices.faults.kills import kill_hosts, kill_runners

pytestmark = pytest.mark.slow

KILLS = 25  # of the host, and as many of the runner; `python -m benchmarks.kills` makes a thousand


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LAB_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LAB_LOCKS", str(tmp_path / "locks"))
    return tmp_path


def test_a_host_that_is_killed_leaves_nothing_stuck_and_nothing_half(folder: Path) -> None:
    assert kill_hosts(folder, KILLS, seed=4) > KILLS // 4  # killed on the way, not before it


def test_a_runner_that_is_killed_is_a_row_and_the_session_goes_on(folder: Path) -> None:
    assert kill_runners(folder, KILLS, seed=5) > 0
