"""Content of this host that is to be on a device: what it is called there, how long it is, its parts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lab.core.errors import DeviceError
from lab.core.file_digest import file_sha256
from lab.core.temporary import PREFIX

CHUNK_BYTES = 1 << 20
_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]{0,199}")


@dataclass(frozen=True)
class Content:
    """A file of this host. `name` is where it goes: a relative path of plain names below the work folder."""

    path: Path
    name: str
    size_bytes: int
    sha256: str

    def chunks(self, start: int, nbytes: int) -> Iterator[bytes]:
        """Yield the bytes from `start` on, `nbytes` of them."""
        with self.path.open("rb") as file:
            file.seek(start)
            while nbytes > 0 and (chunk := file.read(min(CHUNK_BYTES, nbytes))):
                nbytes -= len(chunk)
                yield chunk


def contents(local: Path, name: str) -> list[Content]:
    """Return every file of `local`, which is a file or a folder, without what a writer that was killed left there.

    Raises:
        DeviceError: it is not there, or a name is not plain.
    """
    if local.is_dir():
        files = sorted(path for path in local.rglob("*") if path.is_file() and not path.name.startswith(PREFIX))
        return [_content(path, f"{name}/{path.relative_to(local).as_posix()}") for path in files]
    if not local.is_file():
        raise DeviceError(f"cannot push {name}: {local} does not exist")
    return [_content(local, name)]


def check_remote_name(name: str) -> None:
    """Raise DeviceError unless `name` stays below the folder it is put under."""
    if not all(_PLAIN.fullmatch(part) and ".." not in part for part in name.split("/")):
        raise DeviceError(f"{name!r} cannot be the name of a file on a device")


def _content(path: Path, name: str) -> Content:
    check_remote_name(name)
    return Content(path, name, path.stat().st_size, file_sha256(path))
