"""Sessions whose host or runner is killed at random moments, and what is true of device and home afterwards."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from lab import store
from lab.core.lock import device_lock
from lab.formats.run_record import RunRecord
from tests.devices.faults.session import Sessions, device


def kill_hosts(folder: Path, kills: int, seed: int) -> int:
    """Kill as many sessions at moments spread over a whole one; return how many were in the middle of it."""
    chance = random.Random(seed)
    with Sessions() as sessions:
        began = time.monotonic()
        assert sessions.start(folder).finish()[0] == 0
        whole_s = time.monotonic() - began
        for _ in range(kills):
            session = sessions.start(folder)
            session.wait(chance.uniform(0, whole_s))
            session.kill()
            session.finish()
        assert_nothing_is_stuck(folder)
        assert_nothing_is_half(folder)
        assert sessions.start(folder).finish() == (0, "ok\n")
    return [record.status for record in records()].count("running")


def kill_runners(folder: Path, kills: int, seed: int) -> int:
    """Kill as many runners, or some more, in sessions that go on; return how many rows tell of it."""
    chance, killed = random.Random(seed), 0
    with Sessions() as sessions:
        while killed < kills:
            session = sessions.start(folder)
            while not session.wait(chance.uniform(0, 0.1)):
                killed += sum(_killed(pid) for pid in runners(folder))
            code, output = session.finish()
            assert code == 0, output
        assert_nothing_is_stuck(folder)
        assert_nothing_is_half(folder)
        rows = [row for record in records() for cell in record.cells for row in cell.repetitions]
        lost = [row for row in rows if row.status == "failed"]
        assert {row.reason for row in lost} == {"killed by SIGKILL"}
        assert all(row.by_device for row in lost)
        assert sessions.start(folder).finish() == (0, "ok\n")
    return len(lost)


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


def _killed(pid: int) -> bool:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True
