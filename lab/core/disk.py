"""Disks that are full, read-only or not ours: asked before, explained after."""

from __future__ import annotations

import errno
import shutil
from contextlib import suppress
from pathlib import Path

from lab.core.errors import LabError
from lab.core.home import shown
from lab.core.units import human_bytes

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
REFUSED = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})


def free_bytes(path: Path) -> int:
    """Bytes free for us on the disk that holds `path`, which need not exist yet."""
    absolute = path.absolute()
    for place in (absolute, *absolute.parents):
        with suppress(OSError):
            return shutil.disk_usage(place).free
    return 0


def require_space(folder: Path, needed_bytes: int, what: str) -> None:
    """Raise LabError with the sum when `needed_bytes` for `what` do not fit on the disk of `folder`."""
    free = free_bytes(folder)
    if free < needed_bytes:
        raise LabError(
            f"{shown(folder)}: not enough disk for {what}: "
            f"{human_bytes(needed_bytes)} needed, {human_bytes(free)} free",
            hint=_make_room(),
        )


def write_failure(path: Path, problem: OSError, needed_bytes: int | None = None) -> LabError:
    """Return the error to raise when writing `path` failed with `problem`."""
    if problem.errno in FULL:
        return LabError(f"{shown(path)}: the disk is full{_sum(path, needed_bytes)}", hint=_make_room())
    reason = problem.strerror or str(problem)
    if problem.errno in REFUSED:
        hint = f"make {shown(path.parent)} writable, or point LAB_HOME at a folder that is"
        return LabError(f"{shown(path)}: cannot write here: {reason}", hint=hint)
    return LabError(f"{shown(path)}: cannot write: {reason}", hint="check the path and the disk it is on")


def _sum(path: Path, needed_bytes: int | None) -> str:
    free = f"{human_bytes(free_bytes(path))} free"
    return f": {free}" if needed_bytes is None else f": {human_bytes(needed_bytes)} needed, {free}"


def _make_room() -> str:
    return "make room (`lab clean` removes compiled bundles), or point LAB_HOME at a bigger disk"
