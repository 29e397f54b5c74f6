"""This machine as a device."""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from lab.core import proc
from lab.core.errors import DeviceError, LabError
from lab.core.home import compiled_dir
from lab.core.proc import Completed
from lab.core.progress import Progress
from lab.devices.base import OnLine
from lab.devices.environment import LIMITS_OF_THREADS
from lab.devices.identity import DEVICE_TREE, board_serial, host_serial
from lab.devices.readings import linux, system_log
from lab.devices.readings.files import Files, LocalFiles
from lab.formats.target import TargetSpec

LOG_TIMEOUT_S = 5.0


class LocalDevice:
    """The machine that lab runs on. Nothing is copied to it and no shell reads what it runs.

    `files` and `sleep` stand in for /proc and for waiting in tests.
    """

    def __init__(
        self,
        target: TargetSpec,
        *,
        files: Files | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.name = target.name
        self.emulated = target.is_emulated
        self._files = files or LocalFiles()
        self._sleep = sleep
        self.serial = _serial(self._files)

    def facts(self) -> dict[str, Any]:
        """Return what does not change in a session; `cores` are those this process may use."""
        return {
            **linux.facts(self._files),
            "cores": _usable_cores(),
            "arch": platform.machine() or None,
            "page_size_bytes": os.sysconf("SC_PAGE_SIZE"),
        }

    def state(self, *, window_s: float = 0.2) -> dict[str, Any]:
        """Return what moves; `busy_fraction` over `window_s` leaves out the work of this process."""
        if window_s <= 0:
            return {**linux.state(self._files), "busy_fraction": None, "steal_fraction": None}
        before, own_before = linux.state(self._files), time.process_time()
        self._sleep(window_s)
        after, own_after = linux.state(self._files), time.process_time()
        return {**after, **linux.load_between(before, after, own_after - own_before)}

    def run(
        self,
        argv: Sequence[str],
        *,
        timeout_s: float,
        on_line: OnLine | None = None,
        env: Mapping[str, str] | None = None,
    ) -> Completed:
        """Run a program in a process group of its own; see `Device.run`."""
        inherited = {name: value for name, value in os.environ.items() if name not in LIMITS_OF_THREADS}
        whole_env = {**inherited, **(env or {})}
        if on_line is None:
            return proc.run(argv, timeout_s=timeout_s, env=whole_env)
        return proc.stream(argv, timeout_s=timeout_s, on_line=on_line, env=whole_env)

    def push(self, local: Path, name: str, progress: Progress | None = None) -> str:
        """Return the absolute path of `local`: it is on the device already."""
        if not local.exists():
            raise DeviceError(f"{self.name}: cannot push {name}: {local} does not exist")
        return str(local.resolve())

    def push_all(self, files: Mapping[str, Path], progress: Progress | None = None) -> dict[str, str]:
        """Return the absolute path of each."""
        return {name: self.push(local, name) for name, local in files.items()}

    def scratch(self, name: str) -> str:
        """Return the folder of that name in compiled/, which `lab clean` removes."""
        folder = compiled_dir() / "scratch" / name
        folder.mkdir(parents=True, exist_ok=True)
        return str(folder.resolve())

    def pushed(self) -> None:
        """Nothing is ever sent."""

    def pull(self, remote: str, local: Path) -> None:
        """Copy a file to `local`, whole or not at all."""
        part = local.with_name(local.name + ".part")
        try:
            shutil.copyfile(remote, part)
            part.replace(local)
        except OSError as problem:
            part.unlink(missing_ok=True)
            raise DeviceError(f"{self.name}: cannot pull {remote} to {local}: {problem.strerror}") from problem

    def forensics(self) -> list[str]:
        """Return the telling lines of the kernel's log, where this user may read it."""
        with contextlib.suppress(LabError):
            return system_log.telling_lines(proc.run(["dmesg"], timeout_s=LOG_TIMEOUT_S, check=True).stdout)
        return []

    def claim(self, holder: str) -> contextlib.AbstractContextManager[None]:
        """Nobody else reaches this machine: the lock of this host is enough."""
        return contextlib.nullcontext()

    def close(self) -> None:
        """Nothing is held."""


def _usable_cores() -> int:
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def _serial(files: Files) -> str:
    board = board_serial(files.read(DEVICE_TREE), files.read("/proc/cpuinfo"))
    ids = ((files.read(path) or "").strip() for path in ("/etc/machine-id", "/var/lib/dbus/machine-id"))
    machine_id = next((found for found in ids if found.isalnum() and len(found) == 32), None)
    return host_serial(board, machine_id or platform.node(), None)
