"""Old runs into archives: one a target and month, verified before a file goes.

At every moment each run is in its file, in the archive, or in both, and then it counts once: what is stored twice is
read from the file. So a command that is stopped or killed loses nothing, and the next one finishes what it began.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from lab.core.atomic import publish_file
from lab.core.disk import write_failure
from lab.core.errors import BusyError, LabError, StoreError
from lab.core.home import shown
from lab.core.jsonio import read_bytes
from lab.core.progress import Advance, Progress
from lab.core.temporary import sweep_stale, temporary
from lab.store import load
from lab.store.archive_file import Document, Member, member_of, read_index, read_member, write_members
from lab.store.files import RunFile, run_files

STAMP = re.compile(r"\d{8}T\d{6}Z")


@dataclass(frozen=True)
class Compacted:
    """What became of one month of one target: bytes of the files before, and of the archive's growth."""

    archive: Path
    runs: int
    files_bytes: int
    archive_bytes: int


@dataclass(frozen=True)
class Left:
    """A file that was left where it is, and why."""

    path: Path
    reason: str


def compact(root: Path, before: datetime, progress: Progress) -> tuple[list[Compacted], list[Left]]:
    """Move the runs below `root` that began before `before` into archives; what cannot be believed is left.

    Raises:
        BusyError: somebody else compacts the same target.
        StoreError: an archive that is there cannot be read; its files are left as they are.
    """
    months = _months(run_files(root), f"{before:%Y%m%dT%H%M%SZ}")
    done: list[Compacted] = []
    left: list[Left] = []
    with progress.phase("compacting", sum(map(len, months.values())), "runs") as advance:
        for archive, paths in sorted(months.items()):
            with locked(archive.parent):
                done += _compacted(archive, paths, left, advance)
    return done, left


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a target's folder against others who rewrite its archives; BusyError when somebody has it."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as problem:
        raise BusyError(f"{shown(folder)}: another lab rewrites its archives", hint="wait for it to end") from problem
    finally:
        os.close(handle)


def rewrite(archive: Path, members: Sequence[Member], files: dict[str, Path]) -> None:
    """Write the archive anew with what it holds of `members`, and with `files` (name -> file), and verify all of it."""
    names = sorted({*(one.name for one in members), *files})
    sweep_stale(archive.parent)
    try:
        with temporary(archive.parent, archive.name, Path.touch) as tmp:
            write_members(tmp, (_document(archive, name, files.get(name)) for name in names))
            if [one.name for one in read_index(tmp)] != names:
                raise StoreError(
                    f"{shown(archive)}: what was written is not what was meant", hint="nothing was removed"
                )
            for name in names:
                read_member(tmp, name)  # raises unless it is whole
            publish_file(tmp, archive)
    except OSError as problem:
        raise write_failure(archive, problem) from problem


def _months(runs: Sequence[RunFile], before: str) -> dict[Path, list[Path]]:
    months: dict[Path, list[Path]] = defaultdict(list)
    for run in runs:
        if STAMP.fullmatch(run.stamp) and run.stamp < before:
            months[run.path.parent / f"archive-{run.stamp[:4]}-{run.stamp[4:6]}.parquet"].append(run.path)
    return months


def _compacted(archive: Path, paths: Sequence[Path], left: list[Left], advance: Advance) -> list[Compacted]:
    files, before = _believed(paths, left, advance), _size(archive)
    if not files:
        return []
    members = {one.name: one for one in read_index(archive)} if archive.exists() else {}
    if any(members.get(name) != member_of(name, _content(path)) for name, path in files.items()):
        rewrite(archive, list(members.values()), files)
    size = sum(_size(path) for path in files.values())
    kept = {one.name: one for one in read_index(archive)}
    for name, path in files.items():
        _remove(path, kept[name], left)
    return [Compacted(archive, len(files), size, _size(archive) - before)]


def _believed(paths: Sequence[Path], left: list[Left], advance: Advance) -> dict[str, Path]:
    files = {}
    for path in paths:
        try:
            load(path)
            files[path.name] = path
        except LabError as problem:
            left.append(Left(path, problem.what.removeprefix(f"{shown(path)}: ")))
        advance(1)
    return files


def _remove(path: Path, member: Member, left: list[Left]) -> None:
    """Remove a file whose very bytes are in the archive; one that changed meanwhile stays, and is read first."""
    try:
        if member_of(path.name, _content(path)) == member:
            path.unlink()
        else:
            left.append(Left(path, "it changed while it was archived"))
    except OSError as problem:
        raise write_failure(path, problem) from problem


def _document(archive: Path, name: str, file: Path | None) -> Document:
    content = read_member(archive, name) if file is None else _content(file)
    try:
        return Document(member_of(name, content), content)
    except ValueError as problem:
        raise StoreError(
            f"{shown(archive)}: {name[:100]!r} is not the name of a recorded run",
            hint="`lab store set-aside` moves the archive out of the way",
        ) from problem


def _content(path: Path) -> bytes:
    return read_bytes(path, error=StoreError)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
