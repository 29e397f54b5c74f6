"""Many small files of a device in one command: state is read while a model runs, so reading must cost little."""

from __future__ import annotations

from collections.abc import Iterable

from lab.devices.readings import cgroups, cores, gpus
from lab.devices.readings.files import MAX_BYTES
from lab.devices.remote.shell import quoted

_CPU = "/sys/devices/system/cpu/cpu[0-9]*/cpufreq"
_THERMAL = "/sys/class/thermal/thermal_zone*"
_SUPPLY = "/sys/class/power_supply/*"

STATE_PATHS = (
    "/proc/loadavg",
    "/proc/uptime",
    "/proc/stat",
    "/proc/meminfo",
    *(f"{_CPU}/scaling_{name}" for name in ("cur_freq", "governor")),
    *cores.STATE_PATHS,
)
# To read one of these is to ask a driver.
SENSOR_PATHS = (
    *(f"{_THERMAL}/{name}" for name in ("type", "temp")),
    *(f"/sys/class/hwmon/hwmon*/{name}" for name in ("name", "temp[0-9]*_input")),
    *(f"{_SUPPLY}/{name}" for name in ("type", "capacity", "status")),
    *gpus.STATE_PATHS,
)
FACT_PATHS = (
    *STATE_PATHS,
    *cores.FACT_PATHS,
    "/proc/cpuinfo",
    "/proc/sys/kernel/osrelease",
    "/etc/os-release",
    "/sys/kernel/mm/transparent_hugepage/enabled",
    *gpus.FACT_PATHS,
)


def command(paths: Iterable[str]) -> str:
    """Return the command that prints every line of the files, each behind its path; `paths` may be patterns.

    One process reads all: on a phone a process costs more than the reading. With /dev/null there are always two
    files, so that grep says which one a line is from; what can't be read is left out.
    """
    return f"grep -s '^' /dev/null {' '.join(paths)}; true"


GROUPS_COMMAND = command(cgroups.PATHS)


def group_paths(answer: str) -> list[str]:
    """Return the files of the control groups that the answer to GROUPS_COMMAND tells of, quoted for a shell."""
    return [quoted(path) for path in cgroups.paths(Snapshot(answer)) if ":" not in path]


class Snapshot:
    """The files of one such answer; see `lab.devices.readings.files.Files`."""

    def __init__(self, answer: str) -> None:
        lines: dict[str, list[str]] = {}
        for line in answer[:MAX_BYTES].splitlines():
            path, colon, text = line.partition(":")
            if colon and path.startswith("/"):
                lines.setdefault(path, []).append(text)
        self._texts = {path: "\n".join(parts) + "\n" for path, parts in lines.items()}

    def read(self, path: str) -> str | None:
        """Return the text of a file, or None when it could not be read."""
        return self._texts.get(path)

    def names(self, folder: str) -> list[str]:
        """Return the sorted names in a folder, of those that hold a file which could be read."""
        prefix = folder.rstrip("/") + "/"
        return sorted({path[len(prefix) :].partition("/")[0] for path in self._texts if path.startswith(prefix)})
