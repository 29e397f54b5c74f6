"""Archives of runs beside the files of profiles/: one more source that a folder of files is read from.

profiles/<target>/archive-<year>-<month>.parquet holds the runs of a month; `lab store compact` makes it. One from
another machine is read where it is put.
"""

from __future__ import annotations

import re
from pathlib import Path

from lab.core.errors import StoreError
from lab.core.home import shown
from lab.store.archive_file import file_version, read_index, read_member
from lab.store.location import Inside
from lab.store.protocol import Entry

NAME = re.compile(r"archive-\d{4}-\d{2}\.parquet")


class Archives:
    """The archives below `root`, a profiles folder. A run that is a file too is read from the file."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def files(self, target: str | None = None) -> list[Path]:
        """Return the archives, in a steady order."""
        try:
            folders = [path for path in self.root.iterdir() if path.is_dir() and target in (None, path.name)]
            found = [path for folder in folders for path in folder.iterdir() if NAME.fullmatch(path.name)]
        except FileNotFoundError:
            return []
        except OSError as problem:
            raise StoreError(f"{shown(self.root)}: cannot list: {problem.strerror}") from problem
        return sorted(path for path in found if not path.parent.name.startswith("."))

    def entries(self, target: str | None = None) -> list[Entry]:
        """Return every archived run, of one target when given, in any order. No document is read.

        An archive that cannot be read is one entry: reading that says why.
        """
        return [entry for path in self.files(target) for entry in _entries(path)]

    def place(self, text: str) -> Inside | None:
        """Return the place that `text` spells, or None when it is not inside an archive."""
        holder, mark, name = text.rpartition("#")
        path = Path(holder)
        if not mark or not NAME.fullmatch(path.name) or path.absolute().parent.parent != self.root.absolute():
            return None
        return Inside(holder, name)

    def content(self, place: Inside) -> bytes:
        """Return the document exactly as it was archived."""
        return read_member(Path(place.holder), place.name)


def _entries(path: Path) -> list[Entry]:
    target = path.parent.name
    try:
        members = read_index(path)
    except StoreError:
        return [Entry("", "", "", target, f"{path}#", _version(path))]
    return [Entry(one.stamp, one.run_id, one.label, target, f"{path}#{one.name}", one.sha256) for one in members]


def _version(path: Path) -> str:
    try:
        return ":".join(map(str, file_version(path)))
    except StoreError:  # gone since it was listed
        return ""
