"""The ways to a device whose line does what bad lines do: a proxy before a real sshd, or before Android's own adbd."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from lab.devices.link import Access, Link
from lab.devices.qemu.phone import start_phone
from lab.devices.registry import connect
from lab.devices.remote.device import RemoteDevice
from lab.formats.target import TargetSpec
from lab.formats.transports import AdbSpec, DeviceSpec, SshSpec
from tests.devices import emulated
from tests.devices.adb.conftest import free_port
from tests.devices.kinds import home
from tests.devices.peers.proxy import Proxy
from tests.devices.peers.sshd import Sshd

ASK_S = 60.0


@dataclass(frozen=True)
class Way:
    """A device behind `proxy`; `beside` is another link to it, which the proxy does not touch.

    `shell` is where its shell is. `kill_server` ends the adb server, where one is in between.
    """

    name: str
    target: TargetSpec
    proxy: Proxy
    beside: Link
    shell: str
    kill_server: Callable[[], None] | None = None

    def device(self) -> RemoteDevice:
        """Return the device, reached through the proxy; nothing sleeps."""
        return RemoteDevice(self.target, self.connect, sleep=lambda seconds: None)

    def connect(self) -> Link:
        return connect(self.target, Access())

    def ask(self, command: str) -> str:
        """Return what the device's shell prints, asked beside the proxy."""
        return self.beside.execute(command, timeout_s=ASK_S).stdout.decode()


@contextmanager
def ssh(folder: Path, work_dir: Path | None = None) -> Iterator[Way]:
    """OpenSSH's server on this machine."""
    with Sshd(folder / "sshd") as server, home(server.home), Proxy((server.host, server.port)) as proxy:
        with server.known_hosts.open("a") as known:
            known.write(server.known_line(proxy.port) + "\n")
        straight = ssh_target(work_dir or folder / "work", host=server.host, port=server.port)
        with closing(connect(straight, Access())) as beside:
            behind = replace(straight, ssh=replace(straight.ssh, port=proxy.port))
            yield Way("ssh", behind, proxy, beside, "/bin/sh")


@contextmanager
def phone(folder: Path, backend: str, **qemu: object) -> Iterator[Way]:
    """Android's adbd in an emulated phone, by lab's own client ("adb-shell") or through an adb server ("adb")."""
    with ExitStack() as stack:
        guest = start_phone(emulated.target("phone", **qemu), emulated.image("phone"))
        stack.callback(guest.running.close)
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setenv("ANDROID_ADB_SERVER_PORT", str(free_port()))
        stack.enter_context(home(_made(folder / "home")))
        proxy = stack.enter_context(Proxy(("127.0.0.1", guest.port)))
        beside = stack.enter_context(closing(connect(adb_target(guest.port, "adb-shell"), Access())))
        kill = _server_killer() if backend == "adb" else None
        if kill is not None:
            stack.callback(kill)
        yield Way(backend, adb_target(proxy.port, backend), proxy, beside, "/system/bin/sh", kill)


WAYS: dict[str, Callable[[Path], AbstractContextManager[Way]]] = {
    "ssh": ssh,
    "adb-shell": lambda folder: phone(folder, "adb-shell"),
    "adb": lambda folder: phone(folder, "adb"),
}


def ssh_target(work_dir: Path | str, **fields: object) -> TargetSpec:
    device = DeviceSpec(transport="ssh", work_dir=str(work_dir))
    return TargetSpec(1, "box", "", device, ssh=SshSpec(**fields))  # type: ignore[arg-type]


def adb_target(port: int, backend: str) -> TargetSpec:
    spec = AdbSpec(f"127.0.0.1:{port}", backend)  # type: ignore[arg-type]
    return TargetSpec(1, "box", "", DeviceSpec(transport="adb", emulated=True), adb=spec)


def _server_killer() -> Callable[[], None]:
    program = emulated.program("adb")

    def kill() -> None:
        subprocess.run([program, "kill-server"], check=False, capture_output=True)

    return kill


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder
