"""What a Mac tells without root of battery, power and heat: pmset, notifyutil and the battery's entry of ioreg."""

from __future__ import annotations

import re
from typing import Any

from lab.devices.readings.procfs import number, whole

# OSThermalPressureLevel of macOS, as thermald publishes it; powermetrics has the same words.
PRESSURES = ("nominal", "moderate", "heavy", "trapping", "sleeping")
PRESSURE_KEY = "com.apple.system.thermalpressurelevel"
MAX_AMPERES, MAX_VOLTS = 30.0, 30.0  # of a notebook's battery; more is no reading
_CHARGE = {"charging": "charging", "discharging": "discharging", "charged": "full", "finishing charge": "charging"}


def battery(text: str) -> dict[str, Any]:
    """Read `pmset -g batt`: where power comes from, and charge (a fraction) with what happens to it."""
    source = re.search(r"^Now drawing from '(AC Power|Battery Power|UPS Power)'", text, re.MULTILINE)
    found = re.search(r"^ -InternalBattery-\d{1,3}[^\n%]{0,40}\t(\d{1,3})%; ([A-Za-z ]{1,30});", text, re.MULTILINE)
    percent = int(found[1]) if found else None
    return {
        "power_source": source[1].removesuffix(" Power").lower() if source else None,
        "battery": percent / 100 if percent is not None and percent <= 100 else None,
        "charge": _CHARGE.get(found[2].lower(), "full" if found[2] == "AC attached" else None) if found else None,
    }


def power(text: str, now_s: int | None) -> dict[str, Any]:
    """Read `ioreg -rn AppleSmartBattery`: watts out of the battery, how old that is, and its temperature.

    Null on mains power, where the battery tells nothing of what the Mac takes. The gauge counts whole mA and mV, but
    renews them only every few seconds to a minute: `power_age_s` says when it did.
    """
    amperes, volts = _milli(text, "InstantAmperage"), _milli(text, "Voltage")
    amperes = _milli(text, "Amperage") if amperes is None else amperes
    sane = amperes is not None and volts is not None and abs(amperes) <= MAX_AMPERES and 0 < volts <= MAX_VOLTS
    draining = sane and amperes is not None and amperes < 0 and _entry(text, "ExternalConnected") == "No"
    updated_s, celsius = whole(_entry(text, "UpdateTime")), whole(_entry(text, "Temperature"))
    return {
        "power_w": round(-amperes * volts, 3) if draining and amperes is not None and volts is not None else None,
        "power_age_s": now_s - updated_s if now_s and updated_s and 0 <= now_s - updated_s < 86_400 else None,
        "battery_temp_c": celsius / 100 if celsius is not None and 0 < celsius < 12_000 else None,
    }


def heat(therm: str, pressure: str) -> dict[str, Any]:
    """Read `pmset -g therm` and the level that thermald publishes; null where they tell nothing."""
    limit = re.search(r"^\s*CPU_Speed_Limit\s*= (\d{1,3})\s*$", therm, re.MULTILINE)
    level = re.search(rf"^{re.escape(PRESSURE_KEY)} (\d)\s*$", pressure, re.MULTILINE)
    known = level is not None and int(level[1]) < len(PRESSURES)
    return {
        "speed_limit": int(limit[1]) / 100 if limit and int(limit[1]) <= 100 else None,
        "thermal_pressure": PRESSURES[int(level[1])] if known and level else None,
    }


def low_power_mode(text: str) -> bool | None:
    """Read `pmset -g`; newer Macs name it powermode, where 1 is the low one."""
    found = re.search(r"^\s*(?:lowpowermode|powermode)\s+(\d)\s*$", text, re.MULTILINE)
    return None if found is None else found[1] == "1"


def _entry(text: str, name: str) -> str | None:
    """Return a value of the first node of an ioreg listing, not of a dictionary inside it."""
    found = re.search(rf'^[\s|]*"{name}" = ([^\n{{(]{{1,100}})$', text, re.MULTILINE)
    return found[1].strip() if found else None


def _milli(text: str, name: str) -> float | None:
    """Return a count of thousandths; ioreg prints negative ones as unsigned numbers of 64 bits."""
    written = _entry(text, name)
    if written is None or not re.fullmatch(r"-?\d{1,20}", written):
        return None
    count = int(written)
    return (count - 2**64 if count >= 2**63 else count) / 1000


def uptime_s(boottime: str | None, now_s: int | None) -> float | None:
    """Read kern.boottime against the Mac's own clock."""
    found = re.match(r"\{ sec = (\d{1,12}),", boottime or "")
    began = number(found[1]) if found else None
    return now_s - began if began is not None and now_s is not None and now_s > began else None
