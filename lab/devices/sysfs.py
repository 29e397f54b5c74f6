"""What /sys tells of heat, clocks, battery and memory limits. What can't be read is None or left out."""

from __future__ import annotations

import re
from typing import Any

from lab.devices.files import Files
from lab.devices.procfs import number, whole

_DIE = re.compile(r"cpu|x86_pkg|coretemp|k10temp|zenpower|soc|package|tctl|tdie|\bbig|little|cluster", re.IGNORECASE)
NO_LIMIT_BYTES = 1 << 50  # older kernels write a number this large for "no limit"
_CHARGE = {"charging": "charging", "discharging": "discharging", "full": "full", "not charging": "full"}


def temperatures(files: Files) -> list[dict[str, Any]]:
    """Return every thermal zone and hardware monitor as {"zone", "type", "temp_c"}."""
    return _thermal_zones(files) + _hardware_monitors(files)


def die_temperature(temps: list[dict[str, Any]]) -> tuple[float | None, str | None]:
    """Return the hottest processor zone in deg C and its type; (None, None) when no zone is a processor's."""
    dies = [(t["temp_c"], t["type"]) for t in temps if t["temp_c"] is not None and _DIE.search(t["type"])]
    return max(dies) if dies else (None, None)


def clocks_mhz(files: Files, cores: int) -> list[float] | None:
    """Return the clock of each online core from cpufreq, or None where the kernel has none."""
    base = "/sys/devices/system/cpu"
    found = [number(files.read(f"{base}/cpu{core}/cpufreq/scaling_cur_freq")) for core in range(cores)]
    clocks = [khz / 1000 for khz in found if khz]
    return clocks or None


def governors(files: Files, cores: int) -> str | None:
    """Return the scaling governor, several joined by '+' where clusters differ."""
    base = "/sys/devices/system/cpu"
    found = (files.read(f"{base}/cpu{core}/cpufreq/scaling_governor") for core in range(cores))
    names = sorted({text.strip()[:40] for text in found if text and text.strip()})
    return "+".join(names) or None


def battery(files: Files) -> tuple[float | None, str | None]:
    """Return the charge as a fraction and "charging", "discharging" or "full"; None without a battery."""
    base = "/sys/class/power_supply"
    for name in files.names(base):
        if (files.read(f"{base}/{name}/type") or "").strip() == "Battery":
            percent = number(files.read(f"{base}/{name}/capacity"))
            status = (files.read(f"{base}/{name}/status") or "").strip().lower()
            sane = percent is not None and 0 <= percent <= 100
            return (percent / 100 if sane and percent is not None else None), _CHARGE.get(status)
    return None, None


def memory_limit(files: Files) -> tuple[int | None, int | None]:
    """Return (limit, bytes left below it) of the container this runs in; (None, None) without a limit."""
    layouts = (
        ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current", "/sys/fs/cgroup/memory.stat"),
        (
            "/sys/fs/cgroup/memory/memory.limit_in_bytes",
            "/sys/fs/cgroup/memory/memory.usage_in_bytes",
            "/sys/fs/cgroup/memory/memory.stat",
        ),
    )
    for limit_path, used_path, stat_path in layouts:
        limit, used = whole(files.read(limit_path)), whole(files.read(used_path))
        if limit is not None and used is not None and 0 < limit < NO_LIMIT_BYTES:
            return limit, max(0, limit - max(0, used - _reclaimable(files.read(stat_path))))
    return None, None


def _reclaimable(stat: str | None) -> int:
    """Pages of files can be dropped, so they do not count as used (as container tools reckon)."""
    fields = dict(re.findall(r"^(\w+) (\d{1,18})$", stat or "", re.MULTILINE))
    prefix = "total_" if "total_inactive_file" in fields else ""
    return sum(int(fields.get(f"{prefix}{kind}_file", 0)) for kind in ("active", "inactive"))


def _thermal_zones(files: Files) -> list[dict[str, Any]]:
    base = "/sys/class/thermal"
    zones = [name for name in files.names(base) if name.startswith("thermal_zone")]
    kinds = {zone: (files.read(f"{base}/{zone}/type") or "").strip()[:60] for zone in zones}
    return [_reading(zone, kinds[zone], files.read(f"{base}/{zone}/temp")) for zone in zones if kinds[zone]]


def _hardware_monitors(files: Files) -> list[dict[str, Any]]:
    base = "/sys/class/hwmon"
    found = []
    for monitor in files.names(base):
        name = (files.read(f"{base}/{monitor}/name") or "").strip()[:60]
        inputs = [entry for entry in files.names(f"{base}/{monitor}") if re.fullmatch(r"temp\d+_input", entry)]
        found += [_reading(f"{monitor}/{entry}", name, files.read(f"{base}/{monitor}/{entry}")) for entry in inputs]
    return found


def _reading(zone: str, kind: str, text: str | None) -> dict[str, Any]:
    milli = number(text)
    # A driver without a reading says 0 or an absurd value; neither is a temperature.
    sane = milli is not None and milli != 0 and -50_000 < milli < 200_000
    return {"zone": zone, "type": kind, "temp_c": milli / 1000 if sane and milli is not None else None}
