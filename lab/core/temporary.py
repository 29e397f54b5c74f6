"""Temporary files and folders beside the final ones, and the sweeping of what killed processes left.

A temporary carries a flock for as long as its process lives. So leftovers are told from work in progress
without trusting process ids, which are reused, and mean nothing from one container to the next.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PREFIX = ".lab-tmp-"


@contextmanager
def temporary(parent: Path, name: str, create: Callable[[Path], None]) -> Iterator[Path]:
    """Yield a fresh path in `parent` that `create` made; it is removed at the end if it is still there."""
    path, handle = _create_claimed(parent, name, create)
    try:
        yield path
    finally:
        _remove(path)
        os.close(handle)


def sweep_stale(parent: Path) -> list[Path]:
    """Remove what killed processes left in `parent`, and return it; work in progress is not touched."""
    if not parent.is_dir():
        return []
    return [path for path in sorted(parent.glob(f"{PREFIX}*")) if _removed_as_stale(path)]


def in_work(path: Path) -> bool:
    """Whether the process that made this temporary still lives."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(handle)
    return False


def _create_claimed(parent: Path, name: str, create: Callable[[Path], None]) -> tuple[Path, int]:
    while True:
        # The process id is for people only.
        path = parent / f"{PREFIX}{os.getpid()}-{secrets.token_hex(6)}-{name}"[:240]
        create(path)
        handle = _claim(path)
        if handle is not None:
            return path, handle


def _claim(path: Path) -> int | None:
    """Lock the new path; None when a sweeper took it for a leftover before it was locked."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    # Where the file system has no locks nobody can tell leftovers, so nobody sweeps: nothing is lost.
    with suppress(OSError):
        fcntl.flock(handle, fcntl.LOCK_EX)
    if path.exists():
        return handle
    os.close(handle)
    return None


def _removed_as_stale(path: Path) -> bool:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _remove(path)
    except OSError:
        return False
    finally:
        os.close(handle)
    return True


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
