"""What cannot be believed, moved out of the way: nothing is deleted."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from lab.core.disk import write_failure
from lab.store.check import Finding

FOLDER = ".set-aside"  # below profiles/; its name keeps it from being listed
LOOSE = "_"  # in it: what was in no target's folder


@dataclass(frozen=True)
class Moved:
    """A finding, and where it went; None when it stays, with the reason in `why`."""

    finding: Finding
    to: Path | None
    why: str = ""


def set_aside(root: Path, findings: Sequence[Finding]) -> list[Moved]:
    """Move the files of the findings to root/.set-aside/<target>/, each once, under a name that is free."""
    done: dict[str, Moved] = {}
    for one in findings:
        if str(one.place) not in done:
            done[str(one.place)] = _moved(root, one)
    return list(done.values())


def _moved(root: Path, one: Finding) -> Moved:
    if not isinstance(one.place, Path):
        path = Path(one.place.holder)
        if one.place.name or not path.is_file():
            return Moved(one, None, "it is a part of something bigger, which holds other runs")
    else:
        path = one.place
    if one.kind == "newer":
        return Moved(one, None, "a newer lab can read it")
    return Moved(one, _move(path, root / FOLDER / (one.target or LOOSE)))


def _move(path: Path, folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _held(folder):
            names = (path.name if number == 0 else f"{path.name}.{number}" for number in count())
            to = next(folder / name for name in names if not os.path.lexists(folder / name))
            path.rename(to)
    except OSError as problem:
        raise write_failure(path, problem) from problem
    return to


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Keep others from taking the same free name."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
