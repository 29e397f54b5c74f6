"""What /sys tells of heat, clocks and battery. What can't be read is None or left out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from lab.devices.readings import cores
from lab.devices.readings.files import Files
from lab.devices.readings.procfs import number

_DIE = re.compile(
    r"cpu|tsens|x86_pkg|coretemp|k10temp|zenpower|soc(?!d)|package|tctl|tdie|\bbig|little|cluster", re.IGNORECASE
)
# Zones of Qualcomm's power management, which hold what the word says: of the battery or of currents and voltages.
_BATTERY = re.compile(r"batt|(?<![a-z])bms(?![a-z])|charger", re.IGNORECASE)
_NO_HEAT = re.compile(r"socd|[vi]bat\b|[vi]bat[-_]|(?<![a-z])bcl(?![a-z])|[vi]ph[-_]|usb[-_]icl", re.IGNORECASE)
WHOLE_MAX, TENTHS_MAX, HOTTEST_C = 125, 2000, 200.0  # above these a number is of tenths, of thousandths, of nothing
_CHARGE = {"charging": "charging", "discharging": "discharging", "full": "full", "not charging": "full"}


def temperatures(files: Files) -> list[dict[str, Any]]:
    """Return every thermal zone and hardware monitor as {"zone", "type", "temp_c"}."""
    return _thermal_zones(files) + _hardware_monitors(files)


def die_temperature(temps: list[dict[str, Any]]) -> tuple[float | None, str | None]:
    """Return the hottest processor zone in deg C and its type; (None, None) when no zone is a processor's."""
    dies = [(t["temp_c"], t["type"]) for t in temps if t["temp_c"] is not None and _is_die(t["type"])]
    return max(dies) if dies else (None, None)


def clocks_mhz(files: Files, most: int | None = None) -> list[float] | None:
    """Return the clock of each processor that may be used (of `most` of them) from cpufreq; None where it has none."""
    found = [number(text) for text in _cpufreq(files, "scaling_cur_freq")]
    clocks = [khz / 1000 for khz in found if khz]
    return clocks[:most] or None


def governors(files: Files) -> str | None:
    """Return the scaling governor of the processors that may be used, several joined by '+' where clusters differ."""
    names = sorted({text.strip()[:40] for text in _cpufreq(files, "scaling_governor") if text.strip()})
    return "+".join(names) or None


def _cpufreq(files: Files, name: str) -> Iterator[str]:
    for cpu in cores.there(files):
        yield files.read(f"{cores.CPU}/cpu{cpu}/cpufreq/{name}") or ""


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


def _is_die(kind: str) -> bool:
    return bool(_DIE.search(kind)) and not _BATTERY.search(kind)


def _thermal_zones(files: Files) -> list[dict[str, Any]]:
    base = "/sys/class/thermal"
    kinds = _zone_kinds(files)
    texts = ((zone, kind, files.read(f"{base}/{zone}/temp")) for zone, kind in kinds.items())
    return [_reading(zone, kind, _degrees_of_zone(kind, number(text))) for zone, kind, text in texts]


def _zone_kinds(files: Files) -> dict[str, str]:
    base = "/sys/class/thermal"
    zones = [name for name in files.names(base) if name.startswith("thermal_zone")]
    kinds = {zone: (files.read(f"{base}/{zone}/type") or "").strip()[:60] for zone in zones}
    return {zone: kind for zone, kind in kinds.items() if kind}


def _hardware_monitors(files: Files) -> list[dict[str, Any]]:
    """The kernel shows a zone as a monitor once more, with a low line for each hyphen, in the zone's own unit."""
    base = "/sys/class/hwmon"
    zones = {kind.replace("-", "_"): kind for kind in _zone_kinds(files).values()}
    found = []
    for monitor in files.names(base):
        name = (files.read(f"{base}/{monitor}/name") or "").strip()[:60]
        inputs = [entry for entry in files.names(f"{base}/{monitor}") if re.fullmatch(r"temp\d+_input", entry)]
        for entry in inputs:
            value = number(files.read(f"{base}/{monitor}/{entry}"))
            degrees = _degrees_of_zone(zones[name], value) if name in zones else _degrees(value, 1000)
            found.append(_reading(f"{monitor}/{entry}", name, degrees))
    return found


def _degrees_of_zone(kind: str, value: float | None) -> float | None:
    """Return deg C. Zones are of thousandths; those of older vendor kernels are of whole degrees or of tenths.

    Which one a zone has, its size tells: no chip that runs is at a tenth of a degree, and none at 1000.
    """
    if value is None or _NO_HEAT.search(kind):
        return None
    size = abs(value)
    if kind.lower() == "soc" and size <= 100:  # a charge in percent; a chip's temperature elsewhere, in thousandths
        return None
    return _degrees(value, 1 if size <= WHOLE_MAX else 10 if size < TENTHS_MAX else 1000)


def _degrees(value: float | None, unit: int) -> float | None:
    """Return deg C, None for 0 and for an absurd value: a driver without a reading says either."""
    degrees = None if value is None else value / unit
    return degrees if degrees and -50 < degrees < HOTTEST_C else None


def _reading(zone: str, kind: str, temp_c: float | None) -> dict[str, Any]:
    return {"zone": zone, "type": kind, "temp_c": temp_c}
