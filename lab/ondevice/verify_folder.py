"""What lies in a folder below compiled/ as it was published; anything else is made again."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab.core.decode import decode
from lab.core.errors import CompileError, LabError
from lab.core.fields import KeepsUnknown
from lab.core.home import shown
from lab.core.jsonio import read_json
from lab.core.names import is_plain_file_name
from lab.formats.bundle import file_entry
from lab.formats.kinds import Sha256
from lab.formats.manifest import MANIFEST_NAME, FileEntry


@dataclass(frozen=True)
class Published(KeepsUnknown):
    """A manifest.json of what lab built or fetched itself: one `file`, or several `files`."""

    schema: int
    kind: str
    key: Sha256
    file: FileEntry | None = None
    files: tuple[FileEntry, ...] = ()
    compiler: str = ""
    versions: dict[str, Any] = field(default_factory=dict)

    @property
    def entries(self) -> tuple[FileEntry, ...]:
        """Every file that the manifest lists."""
        return self.files if self.file is None else (self.file, *self.files)


def read_published(folder: Path) -> Published:
    """Return the manifest of `folder`; CompileError names the file and the key that does not fit."""
    path = folder / MANIFEST_NAME
    found = decode(Published, read_json(path, error=CompileError), where=shown(path), error=CompileError)
    for entry in found.entries:
        if not is_plain_file_name(entry.name):
            raise CompileError(f"{shown(path)}: {entry.name[:60]!r} is not a plain file name")
    return found


def published(folder: Path) -> tuple[str, ...]:
    """Return the names of the files that the manifest of `folder` lists; none when one is not as it was published."""
    try:
        entries = read_published(folder).entries
        found = tuple(file_entry(folder / one.name) for one in entries)
    except (LabError, OSError):
        return ()
    return tuple(one.name for one in entries) if found == entries else ()
