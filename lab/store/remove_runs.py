"""Runs taken out of a folder of files and its archives, for good."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from lab.core.disk import write_failure
from lab.store.archive import Archives
from lab.store.archive_file import read_index
from lab.store.compact import locked, rewrite
from lab.store.location import Place


def remove_runs(root: Path, places: Iterable[Place]) -> None:
    """Remove these runs below `root`, from their files and from archives that hold an earlier state of them.

    An archive is written anew before a file goes: a command that is stopped leaves each run whole, or gone.
    """
    names: dict[str, set[str]] = defaultdict(set)
    for place in places:
        path = place if isinstance(place, Path) else Path(place.holder).with_name(place.name)
        names[path.parent.name].add(path.name)
    for target, gone in sorted(names.items()):
        _remove(root, target, gone)


def _remove(root: Path, target: str, names: set[str]) -> None:
    with locked(root / target):
        for archive in Archives(root).files(target):
            _take_out(archive, names)
        for path in sorted(root / target / name for name in names):
            try:
                path.unlink(missing_ok=True)
            except OSError as problem:
                raise write_failure(path, problem) from problem


def _take_out(archive: Path, names: set[str]) -> None:
    members = read_index(archive)
    kept = [one for one in members if one.name not in names]
    if not kept and members:
        archive.unlink()
    elif len(kept) < len(members):
        rewrite(archive, kept, {})
