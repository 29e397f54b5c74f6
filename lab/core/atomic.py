"""Files and folders that appear whole or not at all.

Work goes to a temporary name beside the final one, is flushed to the disk, and is renamed.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from lab.core.disk import FULL, REFUSED, require_space, write_failure
from lab.core.home import shown
from lab.core.temporary import sweep_stale, temporary
from lab.core.terminal import escaped_json

FLUSHED_AT_ONCE = 32
__all__ = [
    "has_manifest",
    "held_folder",
    "json_bytes",
    "publish_dir",
    "publish_file",
    "staging_dir",
    "sweep_stale",
    "write_bytes",
    "write_json",
    "write_many",
    "write_text",
]


def write_bytes(path: Path, data: bytes) -> None:
    """Replace the file at `path` with `data`, whole or not at all; makes the folder it is in."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_then_rename(path, data)
    except OSError as problem:
        raise write_failure(path, problem, len(data)) from problem


def write_many(files: Mapping[Path, bytes]) -> None:
    """Replace each file, whole or not at all; all of them are on the disk at the end. Makes the folders they are in.

    They are flushed side by side when all are written, which takes a twentieth of one after the other.
    """
    for folder in {path.parent for path in files}:
        with _told(folder):
            folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as made:
        written = [(path, made.enter_context(_written(path, data))) for path, data in files.items()]
        with ThreadPoolExecutor(FLUSHED_AT_ONCE) as pool, _told(next(iter(files), Path())):
            list(pool.map(_flush, [tmp for _, tmp in written]))
        for path, tmp in written:
            with _told(path):
                tmp.replace(path)
    for folder in {path.parent for path in files}:
        with _told(folder):
            _flush(folder)


@contextmanager
def _written(path: Path, data: bytes) -> Iterator[Path]:
    with _told(path, len(data)), temporary(path.parent, path.name, Path.touch) as tmp:
        tmp.write_bytes(data)
        yield tmp


@contextmanager
def _told(path: Path, size: int | None = None) -> Iterator[None]:
    try:
        yield
    except OSError as problem:
        raise write_failure(path, problem, size) from problem


def write_text(path: Path, text: str) -> None:
    """Replace the file at `path` with `text` in UTF-8, whole or not at all."""
    write_bytes(path, text.encode("utf-8"))


def write_json(path: Path, document: Any) -> None:
    """Replace the file at `path` with `document`, indented, in the order of its keys; NaN is a ValueError."""
    write_bytes(path, json_bytes(document))


def json_bytes(document: Any) -> bytes:
    """Return the document as files hold it: indented, in the order of its keys, control characters escaped.

    NaN is a ValueError.
    """
    text = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False)
    return (escaped_json(text) + "\n").encode("utf-8")


def publish_file(tmp: Path, final: Path) -> None:
    """Rename the finished file `tmp` to `final`, in place of what is there, when all of it is on the disk."""
    try:
        _flush(tmp)
        tmp.replace(final)
        _flush(final.parent)
    except OSError as problem:
        raise write_failure(final, problem) from problem


@contextmanager
def staging_dir(parent: Path, name: str, *, needed_bytes: int | None = None) -> Iterator[Path]:
    """Yield an empty folder beside where `parent/name` will be; give it to `publish_dir` when it is whole.

    It is removed on any other way out, Ctrl-C included. A full or read-only disk inside the block becomes a
    LabError that names the path; `needed_bytes`, when known, is refused before anything is written.
    """
    _prepare(parent, name, needed_bytes)
    try:
        with temporary(parent, name, Path.mkdir) as folder:
            yield folder
    except OSError as problem:
        if not _about(problem, parent):
            raise
        raise write_failure(parent / name, problem, needed_bytes) from problem


@contextmanager
def held_folder(folder: Path, what: str = "files", note: Callable[[str], None] = lambda text: None) -> Iterator[None]:
    """Hold a folder, which is made where it is not there, against others who write `what` there; who is second waits.

    The lock is on the folder itself, so that no file of ours is left in it. `note` is told of a wait, and of a file
    system without locks on folders, where nobody can wait for anybody.
    """
    with _told(folder):
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder, os.O_RDONLY)
    try:
        _take_turn(handle, folder, what, note)
        yield
    finally:
        with suppress(OSError):
            os.close(handle)


def _take_turn(handle: int, folder: Path, what: str, note: Callable[[str], None]) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        note(f"{shown(folder)}: another lab writes {what} there; waiting until it is done")
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
    except OSError:
        note(f"{shown(folder)} cannot be locked: do not write to it twice at the same time")


def has_manifest(folder: Path) -> bool:
    """Whether the folder is whole by the rule of compiled/: its manifest.json is written last."""
    return (folder / "manifest.json").is_file()


def publish_dir(tmp: Path, final: Path, *, is_whole: Callable[[Path], bool] = has_manifest) -> Path:
    """Rename the finished folder `tmp` to `final`; a `final` that is whole is kept, and `tmp` dropped."""
    try:
        _flush_tree(tmp)
        if final.is_dir() and not is_whole(final):
            shutil.rmtree(final)
        _rename_unless_taken(tmp, final, is_whole)
        _flush(final.parent)
    except OSError as problem:
        raise write_failure(final, problem) from problem
    return final


def _prepare(parent: Path, name: str, needed_bytes: int | None) -> None:
    try:
        parent.mkdir(parents=True, exist_ok=True)
        sweep_stale(parent)
    except OSError as problem:
        raise write_failure(parent / name, problem, needed_bytes) from problem
    if needed_bytes is not None:
        require_space(parent, needed_bytes, name)


def _write_then_rename(path: Path, data: bytes) -> None:
    with temporary(path.parent, path.name, Path.touch) as tmp:
        with tmp.open("wb") as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())
        tmp.replace(path)
    _flush(path.parent)


def _rename_unless_taken(tmp: Path, final: Path, is_whole: Callable[[Path], bool]) -> None:
    try:
        tmp.rename(final)
    except OSError:
        # Another process published the same content first: its folder is as good as ours.
        if not (final.is_dir() and is_whole(final)):
            raise
        shutil.rmtree(tmp, ignore_errors=True)


def _flush_tree(folder: Path) -> None:
    for path in folder.rglob("*"):
        if not path.is_symlink():
            _flush(path)
    _flush(folder)


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _about(problem: OSError, parent: Path) -> bool:
    """Whether the failure is about writing below `parent` (a full disk reports no file name)."""
    if problem.filename is None:
        return problem.errno in FULL
    inside = Path(os.fsdecode(problem.filename)).absolute().is_relative_to(parent.absolute())
    return inside and problem.errno in FULL | REFUSED
