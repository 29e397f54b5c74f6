"""Runs taken out for good, of the store in use or of a folder of files and archives; and what refers to runs."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from lab.core.disk import write_failure
from lab.core.home import profiles_dir
from lab.store import Entry, in_use, place
from lab.store.archive import Archives
from lab.store.archive_file import read_index
from lab.store.compact import locked, rewrite
from lab.store.location import Place
from lab.store.protocol import Removing

RUN_ID = re.compile(rb"\d{8}-\d{6}-[0-9a-f]{6}")
WHERE = ("accepted.toml", "floors/*.json", "dashboards/*.toml")


def remove_runs(root: Path, places: Iterable[Place]) -> None:
    """Remove these runs below `root`, from their files and from archives that hold an earlier state of them.

    An archive is written anew before a file goes: a command that is stopped leaves each run whole, or gone.
    """
    names: dict[str, set[str]] = defaultdict(set)
    for one in places:
        path = one if isinstance(one, Path) else Path(one.holder).with_name(one.name)
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


def remove_entries(entries: Sequence[Entry]) -> None:
    """Remove these runs for good; those that are gone already are no error."""
    store = in_use()
    if isinstance(store, Removing):
        store.remove([entry.run_id for entry in entries])
    else:
        remove_runs(profiles_dir(), [place(entry.place) for entry in entries])


def named_runs(home: Path) -> set[str]:
    """Return every run id that stands in accepted levels, learned floors or dashboards: somebody compares with it."""
    files = [path for pattern in WHERE for path in home.glob(pattern) if path.is_file()]
    return {found.decode() for path in files for found in RUN_ID.findall(path.read_bytes())}
