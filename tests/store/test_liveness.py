"""A run that a killed lab left as running."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lab.core.lock import device_lock
from lab.formats.run_record import RunRecord
from lab.measure.document import serial_hash
from lab.store.liveness import as_it_stands
from tests.analysis.documents import record

SERIAL = "a-device"
HOLDER = """
import sys, time
from lab.core.lock import device_lock
with device_lock(sys.argv[1], "phi3-mini-q4"):
    print("ready", flush=True)
    time.sleep(60)
"""


@pytest.fixture(autouse=True)
def own_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_LOCKS", str(tmp_path / "locks"))
    monkeypatch.delenv("LAB_STORE", raising=False)


def running(created_at: str = "") -> RunRecord:
    """A run that began now, on the device."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    found = record(status="running", created_at=created_at or now)
    return replace(found, device=replace(found.device, serial_hash=serial_hash(SERIAL)))


def test_a_run_goes_on_while_its_lab_lives_and_ends_with_it() -> None:
    with subprocess.Popen([sys.executable, "-c", HOLDER, SERIAL], stdout=subprocess.PIPE) as lab:
        assert lab.stdout is not None
        lab.stdout.readline()
        run = running()
        assert as_it_stands(run) == run
        lab.kill()
        lab.wait()
    found = as_it_stands(run)
    assert (found.status, run.status) == ("interrupted", "running")
    assert "killed" in (found.reason or "")


def test_a_later_run_on_the_device_is_not_this_one() -> None:
    old = running("2026-01-01T00:00:00Z")
    with device_lock(SERIAL, "another run"):
        assert as_it_stands(old).status == "interrupted"
        assert as_it_stands(running()).status == "running"
    assert as_it_stands(running()).status == "interrupted"  # let go, and nobody took it


def test_what_has_ended_stays_as_it_ended() -> None:
    for status in ("ok", "failed", "wrong_output", "interrupted"):
        run = replace(running(), status=status)  # type: ignore[arg-type]
        assert as_it_stands(run) == run


def test_runs_of_a_database_may_be_of_another_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_STORE", "postgresql://db/lab")
    assert as_it_stands(running()).status == "running"
