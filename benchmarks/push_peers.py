"""The devices of the push benchmark, and the programs that others copy with."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Protocol

from lab.devices.base import Device
from lab.devices.qemu.phone import start_phone
from lab.devices.registry import open_device
from lab.devices.remote.device import RemoteDevice
from lab.formats.target import TargetSpec
from lab.formats.transports import AdbSpec, DeviceSpec, SshSpec
from tests.devices import emulated
from tests.devices.kinds import home
from tests.devices.peers.programs import program
from tests.devices.peers.sshd import Sshd


class Peer(Protocol):
    """A device that is there while the block is, and another program that copies to it."""

    name: ClassVar[str]

    def copy(self, source: Path) -> None:
        """Copy with the other program."""

    def forget(self) -> None:
        """Remove that copy."""

    def device(self) -> RemoteDevice:
        """Return the device as lab sees it."""


class Ssh:
    """A sshd on loopback; scp with the cipher that it chooses itself."""

    name: ClassVar[str] = "scp"

    def __init__(self, folder: Path) -> None:
        self._server = Sshd(folder / "sshd")
        self._home = home(self._server.home)
        self._copy = folder / "copy.bin"

    def __enter__(self) -> Ssh:
        self._home.__enter__()
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.stop()
        self._home.__exit__(None, None, None)

    def copy(self, source: Path) -> None:
        """Copy with scp."""
        server = self._server
        options = [f"UserKnownHostsFile={server.known_hosts}", "StrictHostKeyChecking=yes", "IdentitiesOnly=yes"]
        words = [word for option in options for word in ("-o", option)]
        there = f"{server.user}@{server.host}:{self._copy}"
        argv = [
            program("scp", "openssh-client"),
            "-q",
            "-F",
            "none",
            *words,
            "-i",
            str(server.key),
            "-P",
            str(server.port),
        ]
        subprocess.run([*argv, str(source), there], check=True)

    def forget(self) -> None:
        """Remove it."""
        self._copy.unlink()

    def device(self) -> RemoteDevice:
        """Return the host."""
        spec = SshSpec(host=self._server.host, port=self._server.port)
        return _remote(TargetSpec(1, "sshd", "", DeviceSpec(transport="ssh"), ssh=spec))


class Adb:
    """The emulated phone with Android's own adbd; the adb program with a server of its own."""

    name: ClassVar[str] = "adb push"
    _there = "/data/local/tmp/copy.bin"

    def __init__(self, folder: Path) -> None:
        self._home = home(folder)
        self._folder = folder

    def __enter__(self) -> Adb:
        self._home.__enter__()
        # Not a port: its bytes would cross the loopback twice, and where that is the slow link the rate would halve.
        os.environ["ADB_SERVER_SOCKET"] = f"localabstract:lab-push-{os.getpid()}"
        self._guest = start_phone(emulated.target("phone"), emulated.image("phone"))
        self._serial = f"127.0.0.1:{self._guest.port}"
        self._adb("connect", self._serial)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._adb("kill-server")
        self._guest.running.close()
        self._home.__exit__(None, None, None)

    def copy(self, source: Path) -> None:
        """Copy with adb push."""
        self._adb("-s", self._serial, "push", str(source), self._there)

    def forget(self) -> None:
        """Remove it."""
        self._adb("-s", self._serial, "shell", f"rm {self._there}")

    def device(self) -> RemoteDevice:
        """Return the phone."""
        return _remote(TargetSpec(1, "phone", "", DeviceSpec(transport="adb"), adb=AdbSpec(self._serial, "adb-shell")))

    def _adb(self, *words: str) -> None:
        quiet = subprocess.DEVNULL
        subprocess.run([program("adb", "adb"), *words], check=True, stdin=quiet, stdout=quiet, stderr=quiet)


def _remote(target: TargetSpec) -> RemoteDevice:
    device: Device = open_device(target)
    assert isinstance(device, RemoteDevice)
    return device


PEERS: dict[str, type[Ssh] | type[Adb]] = {"ssh": Ssh, "adb": Adb}
