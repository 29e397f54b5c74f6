"""Facts and state of a Mac, out of what its own programs print to a user without root. What is not said is None.

A Mac has no /proc: one command asks all programs at once, and a mark stands between their answers.
"""

from __future__ import annotations

import re
from typing import Any

from lab.core.text import printable
from lab.devices.readings import macos_power
from lab.devices.readings.macos_features import features
from lab.devices.readings.procfs import number, whole

MARK = "--lab--"
_LEVELS = range(4)  # kinds of core, the fastest first; no Mac has more than three
_NUMBERS = "hw.memsize hw.ncpu " + " ".join(f"hw.perflevel{i}.physicalcpu hw.perflevel{i}.name" for i in _LEVELS)
FACT_COMMANDS = {
    "system": f"sysctl hw.model machdep.cpu.brand_string kern.osrelease kern.hv_vmm_present {_NUMBERS}",
    "processor": "sysctl hw.optional",
    "version": "sw_vers",
    "memory": "vm_stat",
    "swap": "sysctl vm.swapusage",
    "settings": "pmset -g",
    "gpu": "ioreg -r -d 1 -c AGXAccelerator",
}
STATE_COMMANDS = {
    "system": "sysctl hw.memsize vm.loadavg vm.swapusage kern.boottime",
    "clock": "date +%s",
    "memory": "vm_stat",
    "settings": "pmset -g",
    "battery": "pmset -g batt",
    "heat": "pmset -g therm",
    "pressure": f"notifyutil -g {macos_power.PRESSURE_KEY}",
    "power": "ioreg -r -n AppleSmartBattery",
}
BEFORE = "export LC_ALL=C; "  # numbers come with a point whatever the user's language is
# Two lines, of which the first is since boot: the second takes a second.
LOAD_COMMAND = "LC_ALL=C iostat -n 0 -w 1 -c 2 2>/dev/null; true"
# A crash report of these minutes, and what the kernel says of memory; the log of all would take minutes to read.
LOG_COMMAND = (
    'find "$HOME/Library/Logs/DiagnosticReports" -name "lab-bench*.ips" -mmin -5 2>/dev/null | head -n 1'
    ' | while read -r report; do grep -E \'"(termination|exception)"\' "$report" | head -n 4; done;'
    ' log show --last 2m --style compact --predicate \'process == "kernel" AND (eventMessage CONTAINS "memorystatus"'
    ' OR eventMessage CONTAINS "lab-bench")\' 2>/dev/null | tail -n 200; true'
)


def facts(answer: str) -> dict[str, Any]:
    """Read the answers to FACT_COMMANDS, MARK in between; `cores` are the fast ones, which lab's threads are for."""
    system, optional, version, pages, swap, settings, gpu = _parts(answer, len(FACT_COMMANDS))
    said = _sysctls(system)
    fast, slow = _kinds(said)
    virtual = said.get("kern.hv_vmm_present")
    return {
        "cpu_model": _name(said.get("machdep.cpu.brand_string")),
        "cpu_flags": features(optional, said.get("machdep.cpu.brand_string") or ""),
        "cores": fast or whole(said.get("hw.ncpu")),
        "cores_fast": fast,
        "cores_slow": slow,
        "virtual": None if virtual is None else virtual == "1",
        "os": _os(version),
        "kernel": _name(said.get("kern.osrelease")),
        "governor": None,
        "huge_pages": None,
        "thermal_zones": [],
        "model": _name(said.get("hw.model")),
        "gpu": _gpu(gpu),
        "low_power_mode": macos_power.low_power_mode(settings),
        **_memory(said.get("hw.memsize"), pages, _sysctls(swap).get("vm.swapusage")),
    }


def state(answer: str) -> dict[str, Any]:
    """Read the answers to STATE_COMMANDS, MARK in between. Clocks and the processor's heat are for root alone."""
    system, clock, pages, settings, batt, therm, pressure, smart = _parts(answer, len(STATE_COMMANDS))
    said = _sysctls(system)
    now_s = whole(clock)
    memory = _memory(said.get("hw.memsize"), pages, said.get("vm.swapusage"))
    load = re.match(r"\{ ([\d.]{1,12}) ", said.get("vm.loadavg", ""))
    return {
        "load1": number(load[1]) if load else None,
        "uptime_s": macos_power.uptime_s(said.get("kern.boottime"), now_s),
        "cpu_time_s": None,
        "cpu_mhz": None,
        "governor": None,
        "temps": [],
        "die_temp_c": None,
        "die_zone": None,
        **macos_power.battery(batt),
        **macos_power.power(smart, now_s),
        **macos_power.heat(therm, pressure),
        "low_power_mode": macos_power.low_power_mode(settings),
        **{name: value for name, value in memory.items() if name != "mem_total_bytes"},
    }


def load(answer: str) -> dict[str, float | None]:
    """Read the answer to LOAD_COMMAND: what part of all cores was busy in a second, in whole percent."""
    rows = [line.split() for line in answer.splitlines() if re.fullmatch(r"[\d.\s]{5,200}", line)]
    user, system, idle = (whole(word) for word in rows[-1][-6:-3]) if rows and len(rows[-1]) >= 6 else (None,) * 3
    sane = len(rows) == 2 and user is not None and system is not None and idle is not None
    busy = (user or 0) + (system or 0)
    whole_second = sane and 98 <= busy + (idle or 0) <= 102
    return {"busy_fraction": min(1.0, busy / 100) if whole_second else None, "steal_fraction": None}


def _parts(answer: str, count: int) -> list[str]:
    return (answer.split(f"{MARK}\n") + [""] * count)[:count]


def _sysctls(text: str) -> dict[str, str]:
    return dict(re.findall(r"^([a-z]\w{1,30}(?:\.\w{1,40}){1,4}): ([^\n]{0,300})$", text, re.MULTILINE))


def _kinds(said: dict[str, str]) -> tuple[int | None, int | None]:
    """Return how many cores are fast and slow: slow are those named Efficiency, or the second level without names."""
    counts = [whole(said.get(f"hw.perflevel{i}.physicalcpu")) for i in _LEVELS]
    names = [said.get(f"hw.perflevel{i}.name", "" if i == 0 else "Efficiency") for i in _LEVELS]
    levels = [(count, name.strip() == "Efficiency") for count, name in zip(counts, names, strict=True) if count]
    fast, slow = (sum(count for count, is_slow in levels if is_slow is wanted) for wanted in (False, True))
    return fast or None, (slow if levels else None)


def _name(text: str | None) -> str | None:
    return printable(text).strip()[:100] or None if text else None


def _os(text: str) -> str | None:
    said = dict(re.findall(r"^(ProductName|ProductVersion|BuildVersion):\s+([\w. ]{1,40})$", text, re.MULTILINE))
    if "ProductVersion" not in said:
        return None
    build = f" ({said['BuildVersion']})" if "BuildVersion" in said else ""
    return f"{said.get('ProductName', 'macOS')} {said['ProductVersion']}{build}"


def _gpu(text: str) -> dict[str, Any] | None:
    """Return the GPU's name and count of cores as its driver tells them."""
    name = re.search(r'"model" = "([ -~]{1,60}?)"', text)
    cores = re.search(r'"gpu-core-count" = (\d{1,4})\s*$', text, re.MULTILINE)
    return {"name": name[1] if name else None, "cores": int(cores[1]) if cores else None} if name or cores else None


def _memory(total: str | None, pages: str, swap: str | None) -> dict[str, int | None]:
    """Return bytes; available are free pages and those that can be dropped or given up without asking a program."""
    size = re.search(r"page size of (\d{4,6}) bytes", pages)
    counts = dict(re.findall(r"^Pages ([a-z]{1,20}): +(\d{1,15})\.$", pages, re.MULTILINE))
    names = ("free", "speculative", "inactive", "purgeable")
    known = size is not None and all(name in counts for name in names)
    swaps = dict(re.findall(r"(total|used) = ([\d.]{1,15})M\b", swap or ""))
    return {
        "mem_total_bytes": whole(total),
        "mem_available_bytes": sum(int(counts[name]) for name in names) * int(size[1]) if known and size else None,
        "mem_limit_bytes": None,
        "swap_total_bytes": _mib(swaps.get("total")),
        "swap_used_bytes": _mib(swaps.get("used")),
    }


def _mib(text: str | None) -> int | None:
    mib = number(text)
    return None if mib is None else int(mib * (1 << 20))
