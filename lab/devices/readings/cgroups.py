"""What the control groups of a process allow it: CPU time and memory, of its own group and of every group above it.

Version 1 (a hierarchy for each controller) and version 2 (one for all) are read alike. A container sees its own group
as the root of the mount, so what holds above it can't be seen from inside.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from lab.devices.readings.files import Files
from lab.devices.readings.procfs import whole

NO_LIMIT_BYTES = 1 << 50  # older kernels write a number this large for "no limit"
MOST_LEVELS = 32
_OWN, _MOUNTS = "/proc/self/cgroup", "/proc/self/mountinfo"
PATHS = (_OWN, _MOUNTS)
_LIMITS = ("memory.max", "memory.high", "memory.limit_in_bytes")
_USED = ("memory.current", "memory.usage_in_bytes")
_FILES = {
    "cpu": ("cpu.max", "cpu.cfs_quota_us", "cpu.cfs_period_us", "cpu.stat"),
    "memory": (*_LIMITS, *_USED, "memory.stat"),
}


@dataclass(frozen=True)
class Mount:
    """A mounted hierarchy: `root` is the group that its folder shows; no controllers means version 2, which has all."""

    folder: str
    root: str
    controllers: frozenset[str]


# Where they are mounted on most systems, for a device that does not show its mounts.
_USUAL = (
    Mount("/sys/fs/cgroup", "/", frozenset()),
    *(Mount(f"/sys/fs/cgroup/{name}", "/", frozenset(name.split(","))) for name in ("cpu", "cpu,cpuacct", "memory")),
)


def paths(files: Files) -> list[str]:
    """Return every file that is read here, for a device whose files are asked for in one command."""
    return [
        f"{folder}/{name}"
        for controller, names in _FILES.items()
        for folder in folders(files, controller)
        for name in names
    ]


def cpu_quota(files: Files) -> dict[str, Any] | None:
    """Return the tightest quota as `cores`, with the counts of `periods` and `throttled_periods`; None without one.

    The counts are null where the kernel does not tell them.
    """
    found = [(cores, folder) for folder in folders(files, "cpu") if (cores := _quota(files, folder)) is not None]
    if not found:
        return None
    cores, folder = min(found)
    stat = _fields(files.read(f"{folder}/cpu.stat"))
    return {"cores": cores, "periods": stat.get("nr_periods"), "throttled_periods": stat.get("nr_throttled")}


def memory_limit(files: Files) -> tuple[int | None, int | None]:
    """Return (the lowest limit, the fewest bytes that are left below one); (None, None) without a limit."""
    found = [limit for folder in folders(files, "memory") for limit in _memory(files, folder)]
    if not found:
        return None, None
    return min(limit for limit, _ in found), min(left for _, left in found)


def folders(files: Files, controller: str) -> list[str]:
    """Return the folder of the own group, and of every group above it that can be seen, of both versions."""
    own = _own_groups(files.read(_OWN) or "")
    found: dict[str, None] = {}
    for mount in _mounts(files.read(_MOUNTS)):
        if controller in mount.controllers or not mount.controllers:
            found |= dict.fromkeys(_upwards(mount, own.get(controller if mount.controllers else "", "/")))
    return list(found)


def _own_groups(text: str) -> dict[str, str]:
    """Return the group by controller; that of version 2 has the name ""."""
    lines = re.findall(r"^\d{1,9}:([^:\n]*):(/[^\n]*)$", text, re.MULTILINE)
    return {name: group for names, group in lines for name in names.split(",")}


def _mounts(text: str | None) -> list[Mount]:
    found = [
        Mount(_unescaped(folder), _unescaped(root), frozenset() if kind == "cgroup2" else frozenset(options.split(",")))
        for root, folder, kind, options in re.findall(
            r"^\d+ \d+ \S+ (/\S*) (/\S*) [^\n]* - (cgroup2?) \S+ (\S+)$", text or "", re.MULTILINE
        )
    ]
    return found or list(_USUAL)


def _upwards(mount: Mount, group: str) -> Iterator[str]:
    """Go from the group up to the mount; a group outside of what the mount shows is a container's, at the mount."""
    below = group[len(mount.root.rstrip("/")) :] if f"{group}/".startswith(mount.root.rstrip("/") + "/") else ""
    names = [name for name in below.split("/") if name]
    if ".." in names or len(names) > MOST_LEVELS:
        names = []
    for count in range(len(names), -1, -1):
        yield "/".join([mount.folder.rstrip("/"), *names[:count]])


def _quota(files: Files, folder: str) -> float | None:
    quota, _, period = (files.read(f"{folder}/cpu.max") or "").partition(" ")
    if not quota:
        quota = files.read(f"{folder}/cpu.cfs_quota_us") or ""
        period = files.read(f"{folder}/cpu.cfs_period_us") or ""
    time_us, period_us = whole(quota), whole(period)
    return time_us / period_us if time_us and period_us and min(time_us, period_us) > 0 else None


def _memory(files: Files, folder: str) -> Iterator[tuple[int, int]]:
    used = next((n for name in _USED if (n := whole(files.read(f"{folder}/{name}"))) is not None), None)
    if used is None:
        return
    used -= _reclaimable(files.read(f"{folder}/memory.stat"))
    for name in _LIMITS:
        limit = whole(files.read(f"{folder}/{name}"))
        if limit is not None and 0 < limit < NO_LIMIT_BYTES:
            yield limit, max(0, limit - max(0, used))


def _reclaimable(stat: str | None) -> int:
    """Pages of files can be dropped, so they do not count as used (as container tools reckon)."""
    fields = _fields(stat)
    prefix = "total_" if "total_inactive_file" in fields else ""
    return sum(fields.get(f"{prefix}{kind}_file", 0) for kind in ("active", "inactive"))


def _fields(stat: str | None) -> dict[str, int]:
    return {name: int(value) for name, value in re.findall(r"^(\w+) (\d{1,18})$", stat or "", re.MULTILINE)}


def _unescaped(text: str) -> str:
    """Return a path of /proc/self/mountinfo as it is: blanks stand there in octal."""
    return re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), text)
