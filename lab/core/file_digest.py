"""The sha256 of a file, read once: a session checks a bundle of gigabytes and then sends it under its digest."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path

CHUNK_BYTES = 1 << 22
SETTLED_NS = 2_000_000_000
_KNOWN: dict[tuple[int, ...], str] = {}


def file_sha256(path: Path, advance: Callable[[float], None] | None = None) -> str:
    """Return the digest as 64 hex digits; `advance` is called with bytes as they are read.

    A file that has not changed since this process read it (the same file, size, and times to the nanosecond) is not
    read again, unless it had just been written then.
    """
    with path.open("rb") as file:
        before = _identity(file.fileno())
        if before in _KNOWN:
            if advance:
                advance(before[2])
            return _KNOWN[before]
        state = hashlib.sha256()
        while chunk := file.read(CHUNK_BYTES):
            state.update(chunk)
            if advance:
                advance(len(chunk))
        found = state.hexdigest()
        if _identity(file.fileno()) == before and _is_settled(before):
            _KNOWN[before] = found
    return found


def _identity(handle: int) -> tuple[int, ...]:
    found = os.fstat(handle)
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _is_settled(identity: tuple[int, ...]) -> bool:
    """Whether a later write must show in the times: the clock of a file system may tick only every few ms."""
    return time.time_ns() - max(identity[3:]) > SETTLED_NS
