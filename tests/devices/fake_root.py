"""A made-up machine: /proc, /sys and /etc written into a folder."""

from __future__ import annotations

from pathlib import Path

CPUINFO = """processor\t: 0
model name\t: Example 9000
cpu MHz\t\t: 3100.500
flags\t\t: fpu avx2 avx512_vnni hypervisor

processor\t: 1
model name\t: Example 9000
cpu MHz\t\t: 2900.000
flags\t\t: fpu avx2 avx512_vnni
"""

FILES = {
    "/proc/cpuinfo": CPUINFO,
    "/proc/meminfo": "MemTotal:        8000 kB\nMemFree: 10 kB\nMemAvailable:    5000 kB\n"
    "SwapTotal:       1000 kB\nSwapFree:         250 kB\n",
    "/proc/stat": "cpu  100 0 50 800 50 0 0 0 0 0\ncpu0 1 2 3 4\n",
    "/proc/loadavg": "1.25 0.90 0.50 2/300 999\n",
    "/proc/uptime": "1000.50 1900.00\n",
    "/proc/sys/kernel/osrelease": "6.1.0-example\n",
    "/etc/os-release": 'ID=example\nPRETTY_NAME="Example OS 3"\n',
    "/etc/machine-id": "0123456789abcdef0123456789abcdef\n",
    "/sys/kernel/mm/transparent_hugepage/enabled": "always [madvise] never\n",
    "/sys/class/thermal/thermal_zone0/type": "battery\n",
    "/sys/class/thermal/thermal_zone0/temp": "91000\n",
    "/sys/class/thermal/thermal_zone1/type": "cpu-1-0\n",
    "/sys/class/thermal/thermal_zone1/temp": "55500\n",
    "/sys/class/thermal/thermal_zone2/type": "soc-0\n",
    "/sys/class/thermal/thermal_zone2/temp": "0\n",
    "/sys/class/hwmon/hwmon0/name": "k10temp\n",
    "/sys/class/hwmon/hwmon0/temp1_input": "61250\n",
    "/sys/class/power_supply/BAT0/type": "Battery\n",
    "/sys/class/power_supply/BAT0/capacity": "80\n",
    "/sys/class/power_supply/BAT0/status": "Discharging\n",
    "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "performance\n",
    "/sys/devices/system/cpu/cpu1/cpufreq/scaling_governor": "schedutil\n",
    "/sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq": "2400000\n",
    "/sys/devices/system/cpu/cpu1/cpufreq/scaling_cur_freq": "1800000\n",
}


def write(root: Path, files: dict[str, str | bytes] | None = None) -> Path:
    """Write the machine below `root`; `files` change or add some of them."""
    for path, content in {**FILES, **(files or {})}.items():
        place = root / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content.encode() if isinstance(content, str) else content)
    return root
