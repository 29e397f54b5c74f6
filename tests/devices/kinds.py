"""The devices that the contract is held against, by name."""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest

from lab.core.home import find_definition
from lab.devices.base import Device
from lab.devices.qemu.connect import inside
from lab.devices.qemu.phone import start_phone
from lab.devices.qemu.running import free_port
from lab.devices.registry import open_device
from lab.formats.target import TargetSpec, load_target
from lab.formats.transports import AdbSpec, DeviceSpec, SshSpec
from tests.devices import emulated
from tests.devices.peers.mac import MacTools
from tests.devices.peers.sshd import Sshd
from tests.devices.shell_link import shell_device


@dataclass(frozen=True)
class Kind:
    """A way to get a device; `open_again` gives another object for the same one.

    `tables` are those of a target file that the whole command line reaches it by; empty where it can't.
    """

    name: str
    open_again: Callable[[], Device]
    tables: str = ""
    remote: bool = True
    emulated: bool = False
    arch: str = platform.machine()


Maker = Callable[[Path], AbstractContextManager[Kind]]


@contextmanager
def local(folder: Path) -> Iterator[Kind]:
    """This machine."""
    yield Kind("local", lambda: open_device(target("local")), '[device]\ntransport = "local"\n', remote=False)


@contextmanager
def shell(folder: Path) -> Iterator[Kind]:
    """This machine's shell, behind the smallest link there can be."""
    yield Kind("shell", lambda: shell_device(folder))


@contextmanager
def ssh(folder: Path) -> Iterator[Kind]:
    """A real sshd on loopback, which the user's own ssh configuration names."""
    with Sshd(folder / "sshd") as server, home(server.home):
        tables = f'[device]\ntransport = "ssh"\n[ssh]\nhost = "{server.host}"\nport = {server.port}\n'
        yield Kind("ssh", lambda: open_device(target("ssh", ssh=SshSpec(host=server.host, port=server.port))), tables)


CASES = Path(__file__).parents[1] / "cases" / "devices"
# More than a banner: lines that look like answers of lab's, a zero byte, no end of line, standard error, input taken.
LOGIN_FILE = r"""
echo 42; echo held; echo work=/tmp; printf '\000\033[31mlab:begin'
echo 'a line of the login file' >&2
read -r -t 0.02 line
printf 'no end of line'
"""
# An account whose own shell stays, prints at the end and tells another exit code.
STAYING = 'bash -c "$SSH_ORIGINAL_COMMAND"; echo 43; echo logout >&2; exit 0'


@contextmanager
def ssh_talking(folder: Path) -> Iterator[Kind]:
    """A real sshd on loopback, with an account that prints before and after each command."""
    with Sshd(folder / "sshd", options={"ForceCommand": STAYING}) as server, home(server.home):
        (server.remote_home / ".bashrc").write_text((CASES / "bashrc_banner").read_text() + LOGIN_FILE)
        spec = target("ssh", ssh=SshSpec(host=server.host, port=server.port))
        yield Kind("ssh-talking", lambda: open_device(spec))


def mac(locker: str) -> Maker:
    """A real sshd on loopback, behind which only programs of macOS are found; its lock is held by `locker`."""

    @contextmanager
    def started(folder: Path) -> Iterator[Kind]:
        tools = MacTools(folder / "bin", locker)
        environment = f"HOME={folder / 'sshd' / 'remote-home'} PATH={tools.folder}"
        with Sshd(folder / "sshd", options={"SetEnv": environment}) as server, home(server.home):
            spec = target("ssh", ssh=SshSpec(host=server.host, port=server.port))
            yield Kind(f"mac by {locker}", lambda: open_device(spec), arch="aarch64")
            assert tools.asked_for_proc == ""

    return started


ARM64 = '[compile]\nmtriple = "aarch64-unknown-linux-gnu"\ncpu = "cortex-a76"\n'


def phone(backend: Literal["adb-shell", "adb"]) -> Maker:
    """The emulated phone with Android's own adbd, reached in one of the two ways; started once for all its tests."""

    @contextmanager
    def started(folder: Path) -> Iterator[Kind]:
        guest = start_phone(emulated.target("phone"), emulated.image("phone"))
        try:
            with home(folder), adb_server(backend):
                address = f"127.0.0.1:{guest.port}"
                tables = f'[device]\ntransport = "adb"\n[adb]\naddress = "{address}"\nbackend = "{backend}"\n{ARM64}'
                spec = target("adb", adb=AdbSpec(address, backend))
                yield _arm64(f"phone by {backend}", spec, tables + 'libc = "carried"\n')
        finally:
            guest.running.close()

    return started


def machine(reach: Literal["ssh", "adb"]) -> Maker:
    """The emulated arm64 machine, reached by ssh or adb; started once a process."""

    @contextmanager
    def started(folder: Path) -> Iterator[Kind]:
        spec, guest = emulated.target("machine", reach=reach), emulated.machine(reach)
        with home(folder):
            found = inside(spec, emulated.image("machine"), guest)
            yield _arm64(f"machine by {reach}", found, _tables(found) + ARM64)

    return started


def of_target(name: str) -> Maker:
    """A device of the user's own: a phone, a board, a Mac that a target file names."""

    @contextmanager
    def found(folder: Path) -> Iterator[Kind]:
        spec = load_target(name)
        with closing(open_device(spec)) as device:
            arch = str(device.facts()["arch"])
        text = find_definition("targets", name).read_text(encoding="utf-8")
        tables = text[text.index("[device]") :].partition("[measure]")[0]
        remote = spec.device.transport != "local"
        yield Kind(name, lambda: open_device(spec), tables, remote=remote, emulated=spec.is_emulated, arch=arch)

    return found


def _arm64(name: str, spec: TargetSpec, tables: str) -> Kind:
    return Kind(name, lambda: open_device(spec), tables, emulated=True, arch="aarch64")


def _tables(spec: TargetSpec) -> str:
    if spec.device.transport == "adb":
        return f'[device]\ntransport = "adb"\nemulated = true\n[adb]\naddress = "{spec.adb.address}"\n'
    ssh = spec.ssh
    lines = [f'host = "{ssh.host}"', f"port = {ssh.port}", f'user = "{ssh.user}"']
    lines += [f'key = "{ssh.key}"', f'known_hosts = "{ssh.known_hosts}"']
    return '[device]\ntransport = "ssh"\nemulated = true\n[ssh]\n' + "\n".join(lines) + "\n"


@contextmanager
def adb_server(backend: str) -> Iterator[None]:
    """Let the adb program have a server of its own, which ends with the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ANDROID_ADB_SERVER_PORT", str(free_port()))
        try:
            yield
        finally:
            if backend == "adb":
                subprocess.run([emulated.program("adb"), "kill-server"], check=False, capture_output=True)


@contextmanager
def home(folder: Path) -> Iterator[None]:
    """Let `folder` be the user's home, and no agent be there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(folder))
        patch.delenv("SSH_AUTH_SOCK", raising=False)
        yield


def target(transport: Any, **tables: Any) -> TargetSpec:
    """Return a target called box."""
    return TargetSpec(schema=1, name="box", description="", device=DeviceSpec(transport=transport), **tables)
