"""What a device can do. A transport (this machine, ssh, adb, an emulator) is behind it, never in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

from lab.core.proc import Completed
from lab.core.progress import Progress

OnLine = Callable[[str], None]


class Device(Protocol):
    """A machine that runs programs and tells its state.

    `serial` tells devices apart (locks go by it); `emulated` marks rows that never enter a device series.
    """

    @property
    def name(self) -> str:
        """Name of the target this device serves."""

    @property
    def serial(self) -> str:
        """What tells this device from every other; never stored as it is, only hashed."""

    @property
    def emulated(self) -> bool:
        """True where the processor is simulated."""

    def facts(self) -> dict[str, Any]:
        """Return what stays the same in a session: cpu_model, cpu_flags, cores, mem_total_bytes, ..."""

    def state(self, *, window_s: float = 0.2) -> dict[str, Any]:
        """Return what moves: load, clocks, heat, memory, charge.

        `busy_fraction` is taken over `window_s` seconds, without lab's own work; with 0 nothing waits and it
        is null. A value that can't be read is null.
        """

    def run(
        self,
        argv: Sequence[str],
        *,
        timeout_s: float,
        on_line: OnLine | None = None,
        env: Mapping[str, str] | None = None,
    ) -> Completed:
        """Run a program to its end and return its exit code (negative: killed by that signal) and output.

        `argv[0]` is a path on the device, as `push` returned it; no shell reads the words. `on_line` gets
        each line of standard output as it comes (which is then not kept). `env` adds to the environment.

        Raises:
            CommandError: it could not start, ran past `timeout_s`, or wrote an endless line; in each case
                it and all its children are gone.
            DeviceUnreachableError: the device went away.
            KeyboardInterrupt: after the program was asked to end, got a grace time, and was then killed.
        """

    def push(self, local: Path, name: str, progress: Progress | None = None) -> str:
        """Make the content of the file or folder `local` be on the device; return its path there.

        `name` says what it is (a relative path below the device's work folder). Content that is there
        already is not sent again; what is sent is checked as it arrives, and goes on where it was cut.

        Raises:
            DeviceError: too little space there, or what arrived is not what was sent.
            DeviceUnreachableError: the device went away.
        """

    def push_all(self, files: Mapping[str, Path], progress: Progress | None = None) -> dict[str, str]:
        """Push each file or folder under its name, all in one go; return the path there by name."""

    def scratch(self, name: str) -> str:
        """Return the path of a folder on the device where programs may keep what can be made again."""

    def pushed(self) -> dict[str, Any] | None:
        """Return sent_bytes, kept_bytes and send_s of all pushes by now; None where nothing has to be sent."""

    def pull(self, remote: str, local: Path) -> None:
        """Copy a file of the device to `local`."""

    def forensics(self) -> list[str]:
        """Return what the device's own log says of a program that just died; empty where it can't be asked."""

    def claim(self, holder: str) -> AbstractContextManager[None]:
        """Hold the lock on the device itself, which other hosts heed; `holder` says who we are.

        Raises:
            BusyError: another host, or another user of this one, holds it.
        """

    def close(self) -> None:
        """Let go of connections. Called again, it does nothing."""
