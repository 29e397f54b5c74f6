"""The transport `qemu`: starts a device that is emulated here, and reaches it by ssh or adb like any other."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from importlib import import_module
from typing import Any

from lab.core.errors import ConfigError, DeviceUnreachableError
from lab.devices.link import Access, Answer, Connect, Link
from lab.devices.qemu.image import Image, find_image
from lab.devices.qemu.machine import start_machine
from lab.devices.qemu.phone import start_phone
from lab.devices.qemu.running import HOST, Guest
from lab.formats.target import TargetSpec
from lab.formats.transports import AdbSpec, SshSpec

STARTERS = {"phone": start_phone, "machine": start_machine}
# Connections break a moment before the emulator has ended.
DYING_S = 1.0
CONNECTORS = {"adb": "lab.devices.adb.connect", "ssh": "lab.devices.ssh.connect"}


def check(target: TargetSpec) -> str:
    """Return in words what would be started; ConfigError when the target does not say it."""
    if not target.qemu.image:
        raise ConfigError(
            f"{target.name}: [qemu].image: which image is to be started?",
            hint='set image = "phone" or image = "machine" in [qemu]',
        )
    return f"qemu, image {target.qemu.image}, reached by {target.qemu.reach}"


def connect(target: TargetSpec, access: Access) -> Link:
    """Start the emulated device of `target` and return a link to it, which ends the device when it is closed.

    Raises:
        ConfigError: the target does not say what to start.
        DeviceError: the image is missing or damaged, or emulation is not possible here.
        DeviceUnreachableError: the device ended or does not answer.
    """
    check(target)
    image = find_image(target.qemu.image)
    if access.note is not None:
        access.note(f"starting {image.manifest.name}: {image.manifest.description}")
    guest = STARTERS[image.manifest.kind](target, image)
    link: Link | None = None
    try:
        inner: Connect = import_module(CONNECTORS[guest.reach]).connect
        link = inner(inside(target, image, guest), access)
        guest.check(link)
    except BaseException:
        if link is not None:
            link.close()
        guest.running.close()
        raise
    return EmulatedLink(link, guest, target.qemu.cpu)


def inside(target: TargetSpec, image: Image, guest: Guest) -> TargetSpec:
    """Return the target as the guest's own transport needs it: where it listens, and with which keys."""
    if guest.reach == "adb":
        device = replace(target.device, transport="adb", emulated=True, serial="")
        return replace(target, device=device, adb=AdbSpec(f"{HOST}:{guest.port}", target.adb.backend))
    server = image.manifest.ssh
    assert server is not None
    ssh = SshSpec(
        host=HOST,
        port=guest.port,
        user=target.ssh.user or server.user,
        key=str(image.path(server.key)),
        known_hosts=str(image.path(server.known_hosts)),
    )
    return replace(target, device=replace(target.device, transport="ssh", emulated=True), ssh=ssh)


class EmulatedLink:
    """A link into an emulated device, whose life it holds."""

    def __init__(self, inner: Link, guest: Guest, cpu: str) -> None:
        self._inner = inner
        self._guest = guest
        self._cpu = cpu

    def facts(self) -> dict[str, Any]:
        """Return what the inner link says, and by what and as which processor the device is emulated."""
        return {**self._inner.facts(), "emulator": self._guest.emulator, "emulated_cpu": self._cpu}

    def execute(
        self,
        command: str,
        *,
        timeout_s: float,
        stall_s: float | None = None,
        feed: Iterable[bytes] | None = None,
        on_stdout: Callable[[bytes], None] | None = None,
    ) -> Answer:
        """Have the device's shell run `command`; see `Link.execute`. An emulator that ended is told as such."""
        try:
            return self._inner.execute(command, timeout_s=timeout_s, stall_s=stall_s, feed=feed, on_stdout=on_stdout)
        except DeviceUnreachableError:
            self._guest.running.check(grace_s=DYING_S)
            raise

    def close(self) -> None:
        """Close the inner link and end the device. Called again, it does nothing."""
        try:
            self._inner.close()
        finally:
            self._guest.running.close()
