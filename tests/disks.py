"""Folders and disks for tests: an empty home, a full disk, a read-only folder."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty LAB_HOME."""
    monkeypatch.setenv("LAB_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def tiny_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A disk of 64 KiB; where nothing may be mounted, a folder whose flushes report a full disk."""
    place = tmp_path / "tiny"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(place)]
    if os.getuid() == 0 and shutil.which("mount") and subprocess.run(mount, capture_output=True).returncode == 0:
        yield place
        subprocess.run(["umount", str(place)], check=True)
        return

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    yield place


@pytest.fixture
def read_only() -> Iterator[Path]:
    """A folder that we cannot write to, also when the tests run as root."""
    place = Path(tempfile.mkdtemp())
    (place / "kept").write_text("here before")
    place.chmod(0o555)
    am_root = os.geteuid() == 0
    if am_root:
        os.seteuid(65534)
    yield place
    if am_root:
        os.seteuid(0)
    place.chmod(0o755)
    shutil.rmtree(place)
