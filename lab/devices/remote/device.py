"""A device at the other end of a link."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lab.core.errors import DeviceError, DeviceUnreachableError, LabError
from lab.core.proc import Completed
from lab.core.progress import NullProgress, Progress
from lab.devices.base import OnLine
from lab.devices.link import Link
from lab.devices.marked import marked
from lab.devices.readings import linux, macos, system_log
from lab.devices.remote.content import contents
from lab.devices.remote.device_lock import claim
from lab.devices.remote.identify import Greeting, greet
from lab.devices.remote.process import RemoteProcess
from lab.devices.remote.pull import pull
from lab.devices.remote.reading import Readings
from lab.devices.remote.shell import Shell, program, quoted
from lab.devices.remote.store import SCRATCH, Store
from lab.formats.target import TargetSpec

LOG_TIMEOUT_S = 20.0


class RemoteDevice:
    """Every ability of a device, built of `Link.execute`. The link is made when it is first needed.

    `sleep` stands in for waiting in tests.
    """

    def __init__(
        self, target: TargetSpec, connect: Callable[[], Link], sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self.name = target.name
        self._target = target
        self._connect = connect
        self._sleep = sleep
        self._reached: tuple[Shell, Greeting, Store] | None = None
        self._unreached: LabError | None = None
        self._readings: Readings | None = None  # of the link, while there is one

    @property
    def emulated(self) -> bool:
        """Whether the target says so, or the device turned out to run its programs in qemu-user."""
        return self._target.is_emulated or (self._reached is not None and self._reached[1].has_qemu_user)

    @property
    def serial(self) -> str:
        """What tells this device from every other. One that was out of reach a moment ago is not waited for again."""
        if self._unreached is not None:
            raise self._unreached
        shell, greeting, _ = self._open()
        port = shell.link.facts().get("link_port")  # of phones that have one serial
        return f"{greeting.serial}@{port}" if port else greeting.serial

    def facts(self) -> dict[str, Any]:
        """Return what does not change in a session, and how the device is reached."""
        shell, greeting, _ = self._open()
        found = self._read().facts()
        return {
            **found,
            "cores": _cores(found, greeting),
            "arch": greeting.arch,
            "board": greeting.board,
            "page_size_bytes": greeting.page_size_bytes,
            "locked_on_device": greeting.locker is not None,
            **({"emulator": "qemu-user"} if greeting.has_qemu_user else {}),
            **shell.link.facts(),
        }

    def state(self, *, window_s: float = 0.2) -> dict[str, Any]:
        """Return what moves; `busy_fraction` over `window_s` holds lab's own questions too."""
        before = self._read().state()
        if window_s <= 0:
            return {**before, "busy_fraction": None, "steal_fraction": None}
        if self._open()[1].macos:  # which tells load over a whole second only
            return {**before, **self._read().load()}
        self._sleep(window_s)
        after = self._read().state()
        return {**after, **linux.load_between(before, after)}

    def run(
        self,
        argv: Sequence[str],
        *,
        timeout_s: float,
        on_line: OnLine | None = None,
        env: Mapping[str, str] | None = None,
    ) -> Completed:
        """Run a program; see `Device.run`. A device that was lost says whether it is back, or began anew."""
        shell, greeting, _ = self._open()
        try:
            command = program(argv, env or {}, stays=greeting.prints_after)
            return RemoteProcess(shell, argv, command, on_line).run(timeout_s)
        except DeviceUnreachableError as gone:
            raise DeviceUnreachableError(f"{gone.what}{self._since(greeting)}", hint=gone.hint) from gone

    def push(self, local: Path, name: str, progress: Progress | None = None) -> str:
        """Make the content be on the device; see `Device.push`."""
        return self.push_all({name: local}, progress)[name]

    def push_all(self, files: Mapping[str, Path], progress: Progress | None = None) -> dict[str, str]:
        """Push each under its name, with a few questions for all; see `Device.push_all`."""
        _, greeting, store = self._open()
        wanted = [content for name, local in files.items() for content in contents(local, name)]
        store.push(wanted, progress or NullProgress())
        return {name: f"{greeting.work_dir}/names/{name}" for name in files}

    def scratch(self, name: str) -> str:
        """Return the folder of that name in the device's work folder, which `clear` removes."""
        shell, greeting, _ = self._open()
        folder = f"{greeting.work_dir}/{SCRATCH}/{name}"
        shell.ask(f"mkdir -p {quoted(folder)}", "make a folder")
        return folder

    def pushed(self) -> dict[str, Any] | None:
        """Return bytes sent and kept, and seconds of sending, since the device was opened."""
        return asdict(self._open()[2].traffic)

    def pull(self, remote: str, local: Path) -> None:
        """Copy a file to `local`, whole or not at all."""
        shell, greeting, _ = self._open()
        pull(shell, remote, local, greeting.tools.hasher)

    def forensics(self) -> list[str]:
        """Return what the device's own log says of a program that died; empty where it can't be asked."""
        try:
            shell, greeting, _ = self._open()
            asked = macos.LOG_COMMAND if greeting.macos else system_log.COMMAND
            return system_log.telling_lines(shell.ask(asked, "read its log", timeout_s=LOG_TIMEOUT_S))
        except LabError:
            return []

    @contextlib.contextmanager
    def claim(self, holder: str) -> Iterator[None]:
        """Hold the device's own lock; see `Device.claim`."""
        shell, greeting, _ = self._open()
        if greeting.locker is None:
            yield
            return
        with claim(shell, greeting.locker, greeting.work_dir, holder):
            yield

    def stored(self) -> list[tuple[str, int]]:
        """Return (sha256, bytes) of what was pushed and is there still."""
        return self._open()[2].listing()

    def clear(self) -> None:
        """Remove all that was ever pushed."""
        self._open()[2].clear()

    def close(self) -> None:
        """Let go of the link. A later use makes a new one."""
        reached, self._reached, self._readings = self._reached, None, None
        if reached is not None:
            reached[0].link.close()

    def _open(self) -> tuple[Shell, Greeting, Store]:
        if self._reached is None:
            self._unreached = None
            try:
                self._reached = self._reach()
            except LabError as problem:
                self._unreached = problem
                raise
        return self._reached

    def _read(self) -> Readings:
        shell, greeting, _ = self._open()
        if self._readings is None:
            self._readings = Readings(shell, greeting)
        return self._readings

    def _reach(self) -> tuple[Shell, Greeting, Store]:
        shell = Shell(self.name, marked(self._connect(), self.name))
        try:
            greeting = greet(shell, self._target)
        except BaseException:
            shell.link.close()
            raise
        return shell, greeting, Store(shell, greeting.work_dir, greeting.tools)

    def _since(self, greeting: Greeting) -> str:
        """Say what a second try finds."""
        try:
            shell, _, _ = self._open()
            boot_id = greet(shell, self._target).boot_id
        except (DeviceUnreachableError, DeviceError):
            return ""
        if boot_id != greeting.boot_id:
            return "; it has rebooted since"
        return "; it answers again"


def _cores(found: dict[str, Any], greeting: Greeting) -> int | None:
    """Take the processors that the kernel allows; else what nproc says, which a Mac and an old board lack."""
    said: int | None = found["cores"]
    return said if greeting.macos or found.get("cpus") else greeting.cores or said
