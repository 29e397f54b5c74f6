"""What Android tells beside /proc and /sys, where a shell user is often refused: properties and dumpsys."""

from __future__ import annotations

import re
from typing import Any

from lab.devices.readings import gpus
from lab.devices.readings.procfs import number

MARK = "--lab--"
_PROPERTIES = {
    "manufacturer": "ro.product.manufacturer",
    "model": "ro.product.model",
    "os": "ro.build.version.release",
    "sdk": "ro.build.version.sdk",
    "soc": "ro.soc.model",
    "platform": "ro.board.platform",
    "fingerprint": "ro.build.fingerprint",
}
_SETTINGS = ("low_power", "airplane_mode_on", "stay_on_while_plugged_in")
_STATUS = {2: "charging", 3: "discharging", 4: "full", 5: "full"}  # BatteryManager.BATTERY_STATUS_*
_PROCESSOR_TYPES = (0, 1)  # android.os.Temperature: CPU, GPU

FACT_COMMANDS = {
    "properties": "getprop",
    **{name: f"settings get global {name}" for name in _SETTINGS},
    "screen_brightness": "settings get system screen_brightness",
    "gles": "dumpsys SurfaceFlinger | grep '^ *GLES: '",
}
STATE_COMMANDS = {"battery": "dumpsys battery", "thermal": "dumpsys thermalservice"}


def facts(answer: str) -> dict[str, Any]:
    """Read the answers to FACT_COMMANDS, MARK in between: what the phone is and how it is set; null where unsaid."""
    parts = (answer.split(MARK) + [""] * 6)[:6]
    found = dict(re.findall(r"^\[([\w.]{1,100})\]: \[([^\]\n]{0,300})\]\s*$", parts[0], re.MULTILINE))
    android: dict[str, Any] = {key: found.get(name) or None for key, name in _PROPERTIES.items()}
    for name, text in zip((*_SETTINGS, "screen_brightness"), parts[1:5], strict=True):
        android[name] = number(text)
    os = f"Android {android['os']}" if android["os"] else None
    return {"android": android, "os": os, "gpu": gpus.facts_from_gles(parts[5])}


def over(found: dict[str, Any], answer: str) -> dict[str, Any]:
    """Put what the answers to STATE_COMMANDS tell over a state that was read from files, where those were refused."""
    battery, _, thermal = answer.partition(MARK)
    heat = _thermal(thermal)
    zones = heat.pop("zones")
    state = {**found, **_battery(battery), **heat, "temps": [*found["temps"], *_without_kind(zones)]}
    dies = [(zone["temp_c"], zone["type"]) for zone in zones if zone["kind"] in _PROCESSOR_TYPES]
    if dies and found["die_temp_c"] is None:
        state["die_temp_c"], state["die_zone"] = max(dies)
    return state


def _battery(text: str) -> dict[str, Any]:
    fields = dict(re.findall(r"^\s+([A-Za-z ]{1,40}): (\S{1,40})\s*$", text, re.MULTILINE))
    level, scale, status = (number(fields.get(name)) for name in ("level", "scale", "status"))
    if level is None or not scale or not 0 <= level <= scale:
        return {}
    temperature = number(fields.get("temperature"))
    return {
        "battery": level / scale,
        "charge": _STATUS.get(int(status)) if status is not None else None,
        "battery_temp_c": None if temperature is None else temperature / 10,
    }


def _thermal(text: str) -> dict[str, Any]:
    """Take the HAL's own readings where it has them, else what was cached, and the status the OS made of them."""
    status = number(next(iter(re.findall(r"^Thermal Status: (\d)", text, re.MULTILINE)), None))
    _, hal, current = text.partition("Current temperatures from HAL")
    pattern = r"Temperature\{mValue=(-?[\d.]{1,10}), mType=(-?\d{1,3}), mName=([^,}]{1,60}), mStatus=\d"
    zones = [
        {"zone": f"hal:{name}", "type": name, "temp_c": number(value), "kind": int(kind)}
        for value, kind, name in re.findall(pattern, current if hal else text)
    ]
    told = [zone for zone in zones if zone["temp_c"] is not None]
    return {"thermal_status": None if status is None else int(status), "zones": told}


def _without_kind(zones: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: zone[key] for key in ("zone", "type", "temp_c")} for zone in zones]
