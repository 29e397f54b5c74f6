"""Parsers of /proc files: text in, values out. What can't be read is None, never an error."""

from __future__ import annotations

import re
from dataclasses import dataclass

USER_HZ = 100  # ticks per second in /proc/stat, the same on every architecture since Linux 2.6


@dataclass(frozen=True)
class CpuInfo:
    """What /proc/cpuinfo says. `flags` are those that every core has; `mhz` is one value a processor, by its number."""

    model: str | None
    flags: tuple[str, ...] | None
    mhz: dict[int, float] | None
    cores: int | None


@dataclass(frozen=True)
class CpuTime:
    """Seconds all cores together spent since boot: working, waiting, taken away by a hypervisor."""

    busy_s: float
    idle_s: float
    steal_s: float


def number(text: str | None) -> float | None:
    """Return the finite number that `text` starts with, or None."""
    found = re.match(r"\s*(-?\d{1,18}(?:\.\d{1,9})?)", text or "")
    return float(found.group(1)) if found else None


def whole(text: str | None) -> int | None:
    """Return the whole number that `text` starts with, or None."""
    value = number(text)
    return None if value is None else int(value)


def cpuinfo(text: str | None) -> CpuInfo:
    """Read the model, flags, clock and count of processors (x86, arm64 and arm spellings)."""
    blocks = [_fields(block) for block in re.split(r"\n\s*\n", text or "")]
    cores = [block for block in blocks if "processor" in block]
    return CpuInfo(_model(blocks), _flags(cores), _clocks(cores), len(cores) or None)


def meminfo(text: str | None) -> dict[str, int]:
    """Return the kB fields of /proc/meminfo in bytes."""
    found = re.findall(r"^(\w[\w()]*):\s+(\d{1,18}) kB\s*$", text or "", re.MULTILINE)
    return {name: int(amount) * 1024 for name, amount in found}


def cpu_time(text: str | None) -> CpuTime | None:
    """Read the first line of /proc/stat; guest time is already inside user time."""
    name, *fields = (text or "").partition("\n")[0].split(maxsplit=9) or [""]
    if name != "cpu" or len(fields) < 4 or not all(re.fullmatch(r"[0-9]{1,18}", field) for field in fields[:8]):
        return None
    ticks = [int(field) / USER_HZ for field in fields[:8]] + [0.0] * 4
    user, nice, system, idle, iowait, irq, softirq, steal = ticks[:8]
    return CpuTime(user + nice + system + irq + softirq, idle + iowait, steal)


def os_name(text: str | None) -> str | None:
    """Return PRETTY_NAME of an os-release file."""
    found = re.search(r'^PRETTY_NAME="?([^"\n]{1,200})"?\s*$', text or "", re.MULTILINE)
    return found.group(1) if found else None


def _fields(block: str) -> dict[str, str]:
    pairs = (line.partition(":") for line in block.splitlines())
    return {name.strip(): value.strip() for name, colon, value in pairs if colon}


def _model(blocks: list[dict[str, str]]) -> str | None:
    for key in ("model name", "Hardware", "Model", "cpu model"):
        for block in blocks:
            if block.get(key):
                return block[key][:200]
    parts = sorted(
        {f"{b['CPU implementer']}/{b['CPU part']}" for b in blocks if {"CPU implementer", "CPU part"} <= b.keys()}
    )
    return f"arm {' '.join(parts)}" if parts else None


def _flags(cores: list[dict[str, str]]) -> tuple[str, ...] | None:
    found = [set((core.get("flags") or core.get("Features") or "").split()) for core in cores]
    common = set.intersection(*found) if found else set()
    return tuple(sorted(common)) or None


def _clocks(cores: list[dict[str, str]]) -> dict[int, float] | None:
    found = {whole(core["processor"]): number(core.get("cpu MHz")) for core in cores}
    clocks = {cpu: mhz for cpu, mhz in found.items() if cpu is not None and mhz}
    return clocks if clocks and len(clocks) == len(cores) else None
