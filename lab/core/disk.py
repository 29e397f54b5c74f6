"""Disks that are full, read-only or not ours: asked before, explained after."""

from __future__ import annotations

import errno
import shutil
from contextlib import suppress
from pathlib import Path

from lab.core.errors import LabError
from lab.core.home import lab_home, shown
from lab.core.units import human_bytes

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
REFUSED = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})
OURS = frozenset({"compiled", "profiles", "floors", "targets", "dashboards", "accepted.toml"})  # what LAB_HOME moves


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
        other = "point LAB_HOME at a bigger disk" if _is_ours(path) else "name a file on another disk"
        return LabError(f"{shown(path)}: the disk is full{_sum(path, needed_bytes)}", hint=_make_room(other))
    reason = problem.strerror or str(problem)
    if problem.errno in REFUSED:
        other = "point LAB_HOME at a folder that is" if _is_ours(path) else "name a file in a folder that is"
        hint = f"make {shown(path.parent)} writable, or {other}"
        return LabError(f"{shown(path)}: cannot write here: {reason}", hint=hint)
    return LabError(f"{shown(path)}: cannot write: {reason}", hint="check the path and the disk it is on")


def _is_ours(path: Path) -> bool:
    """Whether it is, or lies in, what lab keeps in LAB_HOME; else it is a file that somebody named."""
    try:
        inside = path.absolute().relative_to(lab_home())
    except (LabError, ValueError):
        return False
    return not inside.parts or inside.parts[0] in OURS


def _sum(path: Path, needed_bytes: int | None) -> str:
    free = f"{human_bytes(free_bytes(path))} free"
    return f": {free}" if needed_bytes is None else f": {human_bytes(needed_bytes)} needed, {free}"


def _make_room(other: str = "point LAB_HOME at a bigger disk") -> str:
    return f"make room (`lab clean` removes compiled bundles), or {other}"
