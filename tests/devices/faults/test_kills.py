"""Host and runner are killed at random moments: afterwards nothing is stuck, nothing is half, and work goes on."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import store
from lab.core.lock import device_lock
from lab.formats.run_record import RunRecord
from tests.devices.faults.session import device

ROOT = Path(__file__).resolve().parents[3]
KILLS = 100  # of the host, and as many of the runner


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LAB_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LAB_LOCKS", str(tmp_path / "locks"))
    return tmp_path


def start(folder: Path) -> subprocess.Popen[str]:
    words = [sys.executable, "-m", "tests.devices.faults.session", str(folder)]
    return subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen[str]) -> tuple[int, str]:
    out, err = process.communicate(timeout=60)
    return process.returncode, out + err


@pytest.mark.slow
def test_a_host_that_is_killed_leaves_nothing_stuck_and_nothing_half(folder: Path) -> None:
    began = time.monotonic()
    assert finish(start(folder))[0] == 0
    whole_s, chance = time.monotonic() - began, random.Random(4)
    for _ in range(KILLS):
        process = start(folder)
        with_time = chance.uniform(0, whole_s)
        try:
            process.wait(with_time)
        except subprocess.TimeoutExpired:
            process.kill()
        process.communicate()
    assert_nothing_is_stuck(folder)
    assert_nothing_is_half(folder)
    assert finish(start(folder)) == (0, "ok\n")
    assert [record.status for record in records()].count("running") > KILLS // 4  # killed on the way, not before it


@pytest.mark.slow
def test_a_runner_that_is_killed_is_a_row_and_the_session_goes_on(folder: Path) -> None:
    chance, killed = random.Random(5), 0
    while killed < KILLS:
        process = start(folder)
        while process.poll() is None:
            time.sleep(chance.uniform(0, 0.1))
            killed += sum(kill(pid) for pid in runners(folder))
        code, said = finish(process)
        assert code == 0, said
    assert_nothing_is_stuck(folder)
    assert_nothing_is_half(folder)
    rows = [row for record in records() for cell in record.cells for row in cell.repetitions]
    lost = [row for row in rows if row.status == "failed"]
    assert lost
    assert {row.reason for row in lost} == {"killed by SIGKILL"}
    assert all(row.extra["by_device"] for row in lost)
    assert finish(start(folder)) == (0, "ok\n")


def records() -> list[RunRecord]:
    """Every record reads: a file that could not be believed would be a BadRun."""
    found = list(store.iter_runs())
    assert all(isinstance(one, RunRecord) for one in found)
    return [one for one in found if isinstance(one, RunRecord)]


def assert_nothing_is_stuck(folder: Path) -> None:
    there = device(folder)
    with device_lock(there.serial, "the test"), there.claim("the test"):
        pass
    there.close()
    deadline = time.monotonic() + 20
    while left := list(runners(folder)):
        assert time.monotonic() < deadline, f"runners that nobody waits for: {left}"
        time.sleep(0.1)


def assert_nothing_is_half(folder: Path) -> None:
    assert records()
    whole = [path for path in (folder / "work" / "store").iterdir() if len(path.name) == 64]
    assert whole
    assert all(hashlib.sha256(path.read_bytes()).hexdigest() == path.name for path in whole)
    assert not list((folder / "home").rglob("*.part"))


def runners(folder: Path) -> Iterator[int]:
    """The processes on the device that run the runner of this test."""
    mark = str(folder / "script.json").encode()
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and mark in (entry / "cmdline").read_bytes():
                yield int(entry.name)
        except OSError:
            continue


def kill(pid: int) -> bool:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True
