"""Which logical processors a program may use, and how many cores they are: two threads of one core share it."""

from __future__ import annotations

import re
from itertools import groupby
from typing import Any

from lab.devices.readings.files import Files

CPU = "/sys/devices/system/cpu"
MOST_CPUS = 65536
STATE_PATHS = ("/proc/self/status", f"{CPU}/online")
_KINDS = ("cpu_core", "cpu_atom", "cpu_lowpower")  # Intel's hybrid processors, fast ones first
FACT_PATHS = (
    *(f"{CPU}/cpu[0-9]*/topology/{name}" for name in ("core_cpus_list", "thread_siblings_list")),
    f"{CPU}/cpu[0-9]*/cpu_capacity",
    *(f"/sys/devices/{kind}/cpus" for kind in _KINDS),
)


def allowed(files: Files) -> tuple[int, ...] | None:
    """Return the processors that are online and that this program may run on; None where the kernel does not tell."""
    text = re.search(r"^Cpus_allowed_list:\s*(\S+)\s*$", files.read("/proc/self/status") or "", re.MULTILINE)
    mask, online = cpu_list(text[1] if text else None), cpu_list(files.read(f"{CPU}/online"))
    if mask is None:
        return online
    there = mask if online is None else tuple(cpu for cpu in mask if cpu in set(online))
    return there or None


def there(files: Files) -> tuple[int, ...]:
    """Return the processors to look at: those that are allowed, else all that have a folder."""
    names = (re.fullmatch(r"cpu(\d{1,5})", name) for name in files.names(CPU))
    return allowed(files) or tuple(sorted(int(name[1]) for name in names if name))


def facts(files: Files) -> dict[str, Any]:
    """Return the processors by number, the cores that they are on, and how many of those are fast and slow ones.

    Null where it can't be told; cores that are all of one kind are neither fast nor slow.
    """
    cpus = allowed(files)
    cores = None if cpus is None else _cores(files, cpus)
    slow = None if cores is None else sum(1 for core in cores if core & _slow(files, cpus or ()))
    mixed = cores is not None and slow is not None and 0 < slow < len(cores)
    return {
        "cpus": None if cpus is None else listed(cpus),
        "hardware_cores": None if cores is None else len(cores),
        "cores_fast": len(cores) - slow if mixed and cores is not None and slow is not None else None,
        "cores_slow": slow if mixed else None,
    }


def cpu_list(text: str | None) -> tuple[int, ...] | None:
    """Read the kernel's form of a set, "0-3,6"; None where it has another form or is empty."""
    if not re.fullmatch(r"\d{1,5}(-\d{1,5})?(,\d{1,5}(-\d{1,5})?)*", (text or "").strip()):
        return None
    ends = [part.partition("-") for part in (text or "").strip().split(",")]
    found = {cpu for first, _, last in ends for cpu in range(int(first), min(int(last or first), MOST_CPUS) + 1)}
    return tuple(sorted(found)) or None


def listed(cpus: tuple[int, ...]) -> str:
    """Return the kernel's form of a set."""
    runs = [[cpu for _, cpu in run] for _, run in groupby(enumerate(cpus), lambda pair: pair[1] - pair[0])]
    return ",".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)


def _cores(files: Files, cpus: tuple[int, ...]) -> set[frozenset[int]] | None:
    """Return each core that one of `cpus` is on, as the set of its processors."""
    found = [_siblings(files, cpu) for cpu in cpus]
    return {frozenset(core) for core in found if core} if all(found) else None


def _siblings(files: Files, cpu: int) -> tuple[int, ...] | None:
    texts = (files.read(f"{CPU}/cpu{cpu}/topology/{name}") for name in ("core_cpus_list", "thread_siblings_list"))
    return next((core for text in texts if (core := cpu_list(text)) and cpu in core), None)


def _slow(files: Files, cpus: tuple[int, ...]) -> set[int]:
    """Return the slow ones of a processor that has several kinds: Intel names them, Arm gives each a capacity."""
    kinds = [cpu_list(files.read(f"/sys/devices/{kind}/cpus")) for kind in _KINDS]
    if kinds[0] is not None:
        return {cpu for kind in kinds[1:] for cpu in kind or ()}
    capacities = {cpu: (files.read(f"{CPU}/cpu{cpu}/cpu_capacity") or "").strip() for cpu in cpus}
    known = {cpu: int(text) for cpu, text in capacities.items() if re.fullmatch(r"\d{1,6}", text)}
    least = min(known.values(), default=0)
    return {cpu for cpu, capacity in known.items() if capacity == least and len(set(known.values())) > 1}
