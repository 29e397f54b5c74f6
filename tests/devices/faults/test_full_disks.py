"""A disk that fills up in the middle of a push, although there was room when lab asked."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path

import pytest

from lab.core.errors import DeviceFailedError
from lab.devices.remote import push
from lab.devices.remote.store import Store
from tests.devices import emulated
from tests.devices.faults.ways import Way, phone, ssh

PART = 64 << 10
SIZE = 8 * PART
ROOM = 3 * PART + PART // 2  # what is left when the rest has been taken
DISK_MIB = 16


@contextmanager
def small_disk(folder: Path) -> Iterator[Way]:
    """A host whose work folder is on a small disk."""
    disk = folder / "disk"
    disk.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m", "none", str(disk)], capture_output=True)
    if done.returncode != 0:
        emulated.not_here(f"a small disk needs root: {done.stderr.decode().strip()}")
    try:
        with ssh(folder, disk / "work") as way:
            yield way
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def small_phone(folder: Path) -> AbstractContextManager[Way]:
    return phone(folder, "adb-shell", storage_mib=DISK_MIB)


DISKS = {"ssh": small_disk, "phone": small_phone}


@pytest.fixture(params=DISKS)
def way(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Way]:
    with DISKS[request.param](tmp_path) as found:
        yield found


def test_a_disk_that_fills_up_keeps_what_has_arrived(way: Way, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(push, "PART_BYTES", PART)
    model = tmp_path / "model.bin"
    model.write_bytes(os.urandom(SIZE))
    with closing(way.device()) as device:
        filler = f"{work_of(way)}/../filler"
        monkeypatch.setattr(Store, "_check_space", lambda store, needed_bytes: fill(way, filler))
        with pytest.raises(
            DeviceFailedError, match=r"No space left on device|only \d+ of \d+ bytes fit on the disk"
        ) as caught:
            device.push(model, "model.bin")
        assert caught.value.exit_code == 4
        assert "free some space" in str(caught.value.hint)
        way.ask(f"rm {filler}")
        monkeypatch.setattr(Store, "_check_space", lambda store, needed_bytes: None)
        before = way.proxy.passed["up"]
        there = device.push(model, "model.bin")
        assert way.proxy.passed["up"] - before < SIZE - 2 * PART
        assert way.ask(f"cat {there} | sha256sum").split()[0] == device.stored()[0][0]


def work_of(way: Way) -> str:
    return way.target.device.work_dir or "/data/local/tmp/lab"


def fill(way: Way, filler: str) -> None:
    """Leave ROOM on the disk; another program does that just after lab has asked."""
    free = int(way.ask(f"df -kP {work_of(way)} | tail -n 1").split()[3]) << 10
    way.ask(f"head -c {free - ROOM} /dev/zero >{filler}")
