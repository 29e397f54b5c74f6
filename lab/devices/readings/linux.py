"""Facts and state of a Linux (or Android) device, out of its files alone."""

from __future__ import annotations

from typing import Any

from lab.devices.readings import cgroups, cores, procfs, sysfs
from lab.devices.readings.files import Files


def facts(files: Files) -> dict[str, Any]:
    """Return what does not change while a session runs; bytes and null where it can't be told."""
    cpu = procfs.cpuinfo(files.read("/proc/cpuinfo"))
    allowed = cores.allowed(files)
    quota = cgroups.cpu_quota(files)
    return {
        "cpu_model": cpu.model,
        "cpu_flags": list(cpu.flags) if cpu.flags is not None else None,
        "cores": cpu.cores if allowed is None else len(allowed),
        **cores.facts(files),
        "cpu_quota_cores": None if quota is None else quota["cores"],
        "virtual": None if cpu.flags is None else "hypervisor" in cpu.flags,
        "os": procfs.os_name(files.read("/etc/os-release")),
        "kernel": (files.read("/proc/sys/kernel/osrelease") or "").strip()[:100] or None,
        "governor": sysfs.governors(files),
        "huge_pages": _chosen(files.read("/sys/kernel/mm/transparent_hugepage/enabled")),
        "thermal_zones": [zone["type"] for zone in sysfs.temperatures(files)],
        **memory(files),
    }


def memory(files: Files) -> dict[str, int | None]:
    """Return total, available, limit and swap in bytes; available heeds the limits of control groups."""
    fields = procfs.meminfo(files.read("/proc/meminfo"))
    limit, left = cgroups.memory_limit(files)
    available = fields.get("MemAvailable")
    swap_total, swap_free = fields.get("SwapTotal"), fields.get("SwapFree")
    return {
        "mem_total_bytes": fields.get("MemTotal"),
        "mem_available_bytes": min((n for n in (available, left) if n is not None), default=None),
        "mem_limit_bytes": limit,
        "swap_total_bytes": swap_total,
        "swap_used_bytes": None if swap_total is None or swap_free is None else max(0, swap_total - swap_free),
    }


def state(files: Files) -> dict[str, Any]:
    """Return what moves: load, CPU quota, clocks in MHz, heat in deg C, memory, battery. Only reads, never waits."""
    temps = sysfs.temperatures(files)
    die_temp_c, die_zone = sysfs.die_temperature(temps)
    battery, charge = sysfs.battery(files)
    return {
        "load1": procfs.number(files.read("/proc/loadavg")),
        "uptime_s": procfs.number(files.read("/proc/uptime")),
        "cpu_time_s": _cpu_time(files),
        "cpu_quota": cgroups.cpu_quota(files),
        "cpu_mhz": clocks(files),
        "governor": sysfs.governors(files),
        "temps": temps,
        "die_temp_c": die_temp_c,
        "die_zone": die_zone,
        "battery": battery,
        "charge": charge,
        **{name: value for name, value in memory(files).items() if name != "mem_total_bytes"},
    }


def clocks(files: Files) -> list[float] | None:
    """Return MHz of each processor that may be used, from cpufreq or else /proc/cpuinfo; None where neither tells."""
    found = sysfs.clocks_mhz(files)
    if found is not None:
        return found
    mhz = procfs.cpuinfo(files.read("/proc/cpuinfo")).mhz or {}
    usable = cores.allowed(files) or tuple(mhz)
    return [mhz[cpu] for cpu in usable if cpu in mhz] or None


def load_between(before: dict[str, Any], after: dict[str, Any], own_s: float = 0.0) -> dict[str, float | None]:
    """Return what part of all cores was busy (less `own_s` seconds of ours) and stolen between states."""
    first, last = before.get("cpu_time_s"), after.get("cpu_time_s")
    unknown: dict[str, float | None] = {"busy_fraction": None, "steal_fraction": None}
    if not first or not last:
        return unknown
    spent = {name: last[name] - first[name] for name in ("busy", "idle", "steal")}
    total = sum(spent.values())
    if total <= 0 or min(spent["busy"], spent["steal"]) < 0:
        return unknown
    busy = max(0.0, spent["busy"] - own_s)
    return {"busy_fraction": round(busy / total, 4), "steal_fraction": round(spent["steal"] / total, 4)}


def _cpu_time(files: Files) -> dict[str, float] | None:
    time = procfs.cpu_time(files.read("/proc/stat"))
    return None if time is None else {"busy": time.busy_s, "idle": time.idle_s, "steal": time.steal_s}


def _chosen(text: str | None) -> str | None:
    """Pick the bracketed word of a kernel choice such as 'always [madvise] never'."""
    _, _, rest = (text or "").partition("[")
    word, bracket, _ = rest.partition("]")
    return word[:40] if bracket else None
