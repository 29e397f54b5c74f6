"""Runs as files: profiles/<target>/<utc>--<model label>--<run id>.json, and archives beside them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from lab.core.atomic import held_folder, sweep_stale, write_bytes, write_many
from lab.core.errors import StoreError
from lab.core.home import missing_home, shown
from lab.formats.run_record import RunRecord
from lab.store.archive import Archives
from lab.store.location import Inside, Place
from lab.store.protocol import Entry, place_in


@dataclass(frozen=True, order=True)
class RunFile:
    """One file; its name gives time, model and id, which are empty when it has another form."""

    stamp: str
    run_id: str
    label: str
    path: Path


def run_files(root: Path, target: str | None = None) -> list[RunFile]:
    """Every run file below `root`, oldest first, of one target's folder when given."""
    try:
        folders = [folder for folder in _subfolders(root) if target in (None, folder.name)]
        paths = [path for folder in folders for path in folder.glob("*.json")]
    except OSError as problem:
        raise StoreError(f"{shown(root)}: cannot list: {problem.strerror}") from problem
    return sorted(_from_name(path) for path in paths if not path.name.startswith("."))


def _subfolders(root: Path) -> list[Path]:
    return sorted(path for path in root.iterdir() if path.is_dir()) if root.is_dir() else []


def _from_name(path: Path) -> RunFile:
    parts = path.stem.split("--")
    stamp, label, run_id = parts if len(parts) == 3 else ("", "", "")
    return RunFile(stamp, run_id, label, path)


AT_ONCE = 200  # files that are flushed together


class FileStore:
    """The runs in the folder `root`, which need not exist yet."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._archives = Archives(root)

    @property
    def name(self) -> str:
        """The folder, as messages show it."""
        return shown(self.root)

    @property
    def where(self) -> str:
        """The folder in full, for who finds nothing in it."""
        missing = missing_home()
        return f"{self.root}" + (f" ({missing})" if missing else "")

    def entries(self, target: str | None = None) -> list[Entry]:
        """Return every run, of one target when given. A run that is in an archive and a file is read from the file."""
        files = [_entry(run) for run in run_files(self.root, target)]
        there = {(one.target, one.run_id) for one in files}
        archived = self._archives.entries(target)
        return [*files, *(one for one in archived if (one.target, one.run_id) not in there)]

    def place(self, text: str) -> Place | None:
        """Return the place inside an archive, or the path, that `text` spells."""
        return place_in(self._archives, text)

    def content(self, place: Inside) -> bytes:
        """Return a document of an archive."""
        return self._archives.content(place)

    def ready(self) -> None:
        """Say nothing: a folder is made when it is needed."""

    def contents(self, entries: list[Entry]) -> dict[str, bytes]:
        """Return nothing: a file is best read when it is its turn."""
        return {}

    def place_of(self, record: RunRecord) -> Path:
        """Return the path of the record's file."""
        stamp = record.created_at.replace("-", "").replace(":", "")
        return self.root / record.target.name / f"{stamp}--{record.model.label}--{record.run_id}.json"

    def write(self, record: RunRecord, content: bytes) -> Path:
        """Replace the record's file, whole or not at all."""
        path = self.place_of(record)
        sweep_stale(path.parent)
        write_bytes(path, content)
        return path

    def add(self, record: RunRecord, content: bytes) -> bool:
        """Write the record's file unless there is one."""
        if self.place_of(record).exists():
            return False
        self.write(record, content)
        return True

    def add_many(self, runs: Iterable[tuple[RunRecord, bytes]]) -> Iterator[str]:
        """Write many files, flushed to the disk together rather than one by one."""
        swept: set[Path] = set()
        left = iter(runs)
        while some := {self.place_of(record): (record, content) for record, content in islice(left, AT_ONCE)}:
            there = {path for path in some if path.exists()}
            yield from (some[path][0].run_id for path in there)
            for folder in {path.parent for path in some} - swept:
                sweep_stale(folder)
                swept.add(folder)
            write_many({path: content for path, (_, content) in some.items() if path not in there})

    @contextmanager
    def alone(self, targets: Iterable[str]) -> Iterator[None]:
        """Hold the folders of the targets, in the order of their names."""
        with ExitStack() as held:
            for target in sorted(targets):
                held.enter_context(held_folder(self.root / target))
            yield


def _entry(run: RunFile) -> Entry:
    try:
        found = run.path.stat()
        # The time of change as well: a file that could not be read is another one once it can be.
        version = f"{found.st_mtime_ns}:{found.st_ctime_ns}:{found.st_size}:{found.st_ino}"
    except OSError:  # gone since it was listed: reading it will say so
        version = ""
    return Entry(run.stamp, run.run_id, run.label, run.path.parent.name, str(run.path), version)
