"""What lies in a folder below compiled/ as it was published; anything else is made again."""

from __future__ import annotations

from pathlib import Path

from lab.core.bundle import file_entry
from lab.core.errors import CompileError, LabError
from lab.core.fields import encode
from lab.core.jsonio import read_json
from lab.core.manifest import MANIFEST_NAME


def published(folder: Path) -> tuple[str, ...]:
    """Return the names of the files that the manifest of `folder` lists; none when one is not as it was published."""
    try:
        document = read_json(folder / MANIFEST_NAME, error=CompileError)
        entries = document["files"] if "files" in document else [document["file"]]
        names = tuple(str(one["name"]) for one in entries)
        found = [encode(file_entry(folder / Path(name).name)) for name in names]
    except (LabError, OSError, KeyError, TypeError):
        return ()
    return names if found == entries else ()
