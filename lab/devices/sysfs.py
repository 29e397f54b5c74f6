"""What /sys tells of heat, clocks and battery. What can't be read is None or left out."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from lab.devices.files import Files
from lab.devices.procfs import number

_DIE = re.compile(r"cpu|x86_pkg|coretemp|k10temp|zenpower|soc|package|tctl|tdie|\bbig|little|cluster", re.IGNORECASE)
_CHARGE = {"charging": "charging", "discharging": "discharging", "full": "full", "not charging": "full"}


def temperatures(files: Files) -> list[dict[str, Any]]:
    """Return every thermal zone and hardware monitor as {"zone", "type", "temp_c"}."""
    return _thermal_zones(files) + _hardware_monitors(files)


def die_temperature(temps: list[dict[str, Any]]) -> tuple[float | None, str | None]:
    """Return the hottest processor zone in deg C and its type; (None, None) when no zone is a processor's."""
    dies = [(t["temp_c"], t["type"]) for t in temps if t["temp_c"] is not None and _DIE.search(t["type"])]
    return max(dies) if dies else (None, None)


def clocks_mhz(files: Files, cpus: Iterable[int]) -> list[float] | None:
    """Return the clock of each of the processors from cpufreq, or None where the kernel has none."""
    base = "/sys/devices/system/cpu"
    found = [number(files.read(f"{base}/cpu{cpu}/cpufreq/scaling_cur_freq")) for cpu in cpus]
    clocks = [khz / 1000 for khz in found if khz]
    return clocks or None


def governors(files: Files, cpus: Iterable[int]) -> str | None:
    """Return the scaling governor of the processors, several joined by '+' where clusters differ."""
    base = "/sys/devices/system/cpu"
    found = (files.read(f"{base}/cpu{cpu}/cpufreq/scaling_governor") for cpu in cpus)
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
