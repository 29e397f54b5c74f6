"""Reading a device's small text files (/proc, /sys, /etc), however they are reached."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO, Protocol

MAX_BYTES = 4 << 20  # /proc/cpuinfo of a machine with 512 cores is under 1 MiB
CHUNK_BYTES = 64 << 10  # the kernel refuses reads of megabytes from /proc/sys


class Files(Protocol):
    """Small text files of a device by absolute path. What can't be read is None or empty."""

    def read(self, path: str) -> str | None:
        """Return the text of a file, or None when it is missing, unreadable or too large."""

    def names(self, folder: str) -> list[str]:
        """Return the sorted names in a folder; empty when it can't be listed."""


class LocalFiles:
    """Files of this machine, below `root` (another root is for tests and containers)."""

    def __init__(self, root: Path = Path("/")) -> None:
        self._root = root

    def read(self, path: str) -> str | None:
        """Return the text of a file, or None when it is missing, unreadable or too large."""
        try:
            with (self._root / path.lstrip("/")).open("rb", buffering=0) as file:
                data = _all_of(file)
        except (OSError, ValueError):
            return None
        return None if len(data) > MAX_BYTES else data.decode("utf-8", errors="replace")

    def names(self, folder: str) -> list[str]:
        """Return the sorted names in a folder; empty when it can't be listed."""
        try:
            return sorted(entry.name for entry in (self._root / folder.lstrip("/")).iterdir())
        except (OSError, ValueError):
            return []


def _all_of(file: BinaryIO) -> bytes:
    data = b""
    while len(data) <= MAX_BYTES and (chunk := file.read(CHUNK_BYTES)):
        data += chunk
    return data
