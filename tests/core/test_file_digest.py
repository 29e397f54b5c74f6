from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

import pytest

from lab.core import file_digest
from lab.core.file_digest import file_sha256


def settled(path: Path, data: bytes) -> Path:
    """Write a file whose times lie in the past; the change of them lies there too, as far as the digest knows."""
    path.write_bytes(data)
    past = time.time_ns() - 60_000_000_000
    os.utime(path, ns=(past, past))
    return path


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_digest, "SETTLED_NS", -1_000_000_000)


def test_it_is_the_digest_and_says_how_far_it_is(tmp_path: Path) -> None:
    data = os.urandom((4 << 20) + 5)
    seen: list[float] = []
    path = settled(tmp_path / "a", data)
    for _ in range(2):
        assert file_sha256(path, seen.append) == hashlib.sha256(data).hexdigest()
    assert sum(seen) == 2 * len(data)


def test_what_was_read_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = settled(tmp_path / "a", b"content")
    digest = file_sha256(path)
    monkeypatch.setattr(file_digest.hashlib, "sha256", None)
    assert file_sha256(path) == digest


def test_a_file_that_changed_is_read_again(tmp_path: Path) -> None:
    path = settled(tmp_path / "a", b"one")
    first = file_sha256(path)
    path.write_bytes(b"two")
    assert file_sha256(path) == hashlib.sha256(b"two").hexdigest() != first


def test_a_file_that_was_just_written_is_always_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_digest, "SETTLED_NS", 2_000_000_000)
    path = tmp_path / "a"
    path.write_bytes(b"one")
    times = path.stat()
    file_sha256(path)
    path.write_bytes(b"two")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert file_sha256(path) == hashlib.sha256(b"two").hexdigest()
