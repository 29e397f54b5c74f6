"""The GPU of a phone or a board, out of the files that its driver shows everyone: Qualcomm's kgsl, Arm's mali.

Which of them a plain user may read differs by phone; what is refused is null.
"""

from __future__ import annotations

import re
from typing import Any

from lab.devices.readings.files import Files
from lab.devices.readings.procfs import number

KGSL = "/sys/class/kgsl/kgsl-3d0"
MALI = "/sys/class/misc/mali0/device"
PLATFORM = "/sys/devices/platform"

FACT_PATHS = (f"{KGSL}/gpu_model", f"{MALI}/gpuinfo", f"{PLATFORM}/*.mali/gpuinfo")
STATE_PATHS = (
    *(f"{KGSL}/{name}" for name in ("gpubusy", "gpu_busy_percentage", "gpuclk", "devfreq/cur_freq")),
    *(f"{folder}/{name}" for folder in (MALI, f"{PLATFORM}/*.mali") for name in ("utilization", "cur_freq")),
    f"{PLATFORM}/*.mali/devfreq/*.mali/cur_freq",
)


def facts(files: Files) -> dict[str, Any] | None:
    """Return the GPU's name and its count of cores as the driver tells them; None where it tells nothing."""
    adreno = re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9 ().,_-]{1,60}", (files.read(f"{KGSL}/gpu_model") or "").strip())
    if adreno:
        return {"name": adreno[0], "cores": None}
    for folder in _mali(files):
        # "Mali-G715 7 cores r1p2 0xB0020000"
        found = re.match(
            r"(Mali-[A-Za-z0-9]{1,20})(?: MP\d+)? (\d{1,3}) cores?\b", files.read(f"{folder}/gpuinfo") or ""
        )
        if found:
            return {"name": found[1], "cores": int(found[2])}
    return None


def facts_from_gles(text: str) -> dict[str, Any] | None:
    """Return the same out of the line of SurfaceFlinger that names the OpenGL driver."""
    found = re.search(r"^\s*GLES: [^,\n]{1,60}, ([A-Za-z0-9][A-Za-z0-9 ().,_-]{1,60}?), OpenGL ES", text, re.MULTILINE)
    return {"name": found[1], "cores": None} if found else None


def state(files: Files) -> dict[str, float | None]:
    """Return how much of the GPU was busy, as a fraction, and its clock in MHz; null where it can't be told."""
    return {"gpu_busy_fraction": _busy(files), "gpu_mhz": _mhz(files)}


def _mali(files: Files) -> list[str]:
    folders = [name for name in files.names(PLATFORM) if name.endswith(".mali")]
    return [MALI, *(f"{PLATFORM}/{name}" for name in folders)]


def _busy(files: Files) -> float | None:
    # Microseconds, busy and in all, since it was last read.
    found = re.fullmatch(r"\s*(\d{1,15})\s+(\d{1,15})\s*", files.read(f"{KGSL}/gpubusy") or "")
    if found and int(found[2]) > 0 and int(found[1]) <= int(found[2]):
        return int(found[1]) / int(found[2])
    for path in (f"{KGSL}/gpu_busy_percentage", *(f"{folder}/utilization" for folder in _mali(files))):
        percent = number(files.read(path))
        if percent is not None and 0 <= percent <= 100:
            return percent / 100
    return None


def _mhz(files: Files) -> float | None:
    devfreq = [f"{folder}/devfreq/{folder.rpartition('/')[2]}/cur_freq" for folder in _mali(files)[1:]]
    kgsl = [f"{KGSL}/gpuclk", f"{KGSL}/devfreq/cur_freq"]
    for path in (*kgsl, *(f"{folder}/cur_freq" for folder in _mali(files)), *devfreq):
        value = number(files.read(path)) or 0
        # Hz from Qualcomm and devfreq, kHz from Google's driver: no GPU of a phone is outside 10 to 5000 MHz.
        for unit in (1e6, 1e3):
            if 10 <= value / unit <= 5000:
                return value / unit
    return None
