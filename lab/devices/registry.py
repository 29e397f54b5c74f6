"""Which class serves which transport."""

from __future__ import annotations

from importlib import import_module

from lab.devices.base import Device
from lab.devices.link import Access, Connect, Link
from lab.devices.local import LocalDevice
from lab.formats.target import TargetSpec

# transport -> the module whose `connect` makes a Link; imported when a device is reached, and not before.
CONNECTORS = {
    "adb": "lab.devices.adb.connect",
    "ssh": "lab.devices.ssh.connect",
    "qemu": "lab.devices.qemu.connect",
    "none": "lab.devices.no_transport",
}


def open_device(target: TargetSpec, access: Access | None = None) -> Device:
    """Return the device that `target` describes; the caller closes it. Nothing is reached before it is used."""
    if target.device.transport == "local":
        return LocalDevice(target)
    from lab.devices.remote.device import RemoteDevice

    return RemoteDevice(target, lambda: connect(target, access or Access()))


def check_transport(target: TargetSpec) -> str:
    """Return in words how the device would be reached, without reaching anything.

    Raises:
        ConfigError: it does not say which.
        DeviceError: something that the transport needs is missing on this machine.
    """
    if target.device.transport == "local":
        return "local"
    way: str = import_module(CONNECTORS[target.device.transport]).check(target)
    return way


def connect(target: TargetSpec, access: Access) -> Link:
    """Return a link to the device of `target`.

    Raises:
        ConfigError: the target does not say which device.
        DeviceUnreachableError: it does not answer, or refuses us.
    """
    way: Connect = import_module(CONNECTORS[target.device.transport]).connect
    return way(target, access)
