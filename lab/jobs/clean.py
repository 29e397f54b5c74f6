"""What `lab clean` may remove: folders under compiled/, and nothing that cannot be made again."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.core.atomic import has_manifest
from lab.core.disk import write_failure
from lab.core.temporary import PREFIX, temporary

# Other folders here are bundles.
SHELVES = {
    "weights": "weights",
    "gguf": "gguf",
    "lib": "library",
    "runner": "runner",
    "plugin": "plugin",
    "runtime": "runtime",
    "toolchain": "toolchain",
    "images": "image",
    "scratch": "scratch",  # has no manifest, so it counts as stale
}
STALE = "stale"
POINTS = "points"  # the cache of what runs say in numbers; one folder without a manifest
COMPILED = ("bundle", "library", "runner", "plugin", "runtime", "toolchain")


@dataclass(frozen=True)
class Removable:
    """A folder that can be made again: what it is, how many bytes its removal gives back."""

    kind: str
    path: Path
    size_bytes: int


def removable(compiled: Path, kinds: Sequence[str]) -> list[Removable]:
    """List what of `kinds` lies in `compiled`; each with the bytes that removing all of it would free."""
    chosen = [(kind, path) for kind, path in _folders(compiled) if kind in kinds]
    freed = _freed_bytes([path for _, path in chosen])
    return [Removable(kind, path, size) for (kind, path), size in zip(chosen, freed, strict=True)]


def remove(found: Sequence[Removable]) -> None:
    """Remove the folders; one that is cut short half-way is a leftover and never taken for whole."""
    for one in found:
        try:
            _remove(one.path)
        except OSError as problem:
            raise write_failure(one.path, problem) from problem


def _remove(path: Path) -> None:
    def move(doomed: Path) -> None:
        path.rename(doomed)

    with temporary(path.parent, path.name, move) as doomed:
        shutil.rmtree(doomed)


def _folders(compiled: Path) -> Iterator[tuple[str, Path]]:
    """Every (kind, folder) below compiled/, in a steady order; links are left alone."""
    for path in _subfolders(compiled):
        if path.name in SHELVES:
            yield from ((_kind(inner, SHELVES[path.name]), inner) for inner in _subfolders(path) if _idle(inner))
        elif path.name == POINTS:
            yield POINTS, path
        elif _idle(path):
            yield _kind(path, "bundle"), path


def _subfolders(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.is_symlink())


def _idle(path: Path) -> bool:
    """Whether nobody is building it at this moment: builders hold a lock on their temporary folder."""
    if not path.name.startswith(PREFIX):
        return True
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(handle)
    return True


def _kind(path: Path, kind: str) -> str:
    return kind if has_manifest(path) and not path.name.startswith(PREFIX) else STALE


def _freed_bytes(folders: Sequence[Path]) -> list[int]:
    """The bytes each folder frees when all go. Bundles share their weights by hard links: counted once, and
    only when no link to them stays."""
    files = [[os.lstat(path) for path in folder.rglob("*") if not path.is_dir()] for folder in folders]
    links = Counter((found.st_dev, found.st_ino) for group in files for found in group)
    counted: set[tuple[int, int]] = set()
    sizes = []
    for group in files:
        size = 0
        for found in group:
            place = (found.st_dev, found.st_ino)
            if place not in counted and links[place] >= found.st_nlink:
                counted.add(place)
                size += found.st_size
        sizes.append(size)
    return sizes
