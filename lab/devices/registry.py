"""Opens devices: the row of a transport (lab/formats/transports.py) says which module reaches its devices.

That module has two functions: `check(target)` says in words how the device would be reached, without reaching it, and
`connect(target, access)` makes the link.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from lab.devices.base import Device
from lab.devices.link import Access, Connect, Link
from lab.devices.local import LocalDevice
from lab.formats.target import TargetSpec


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
    way: str = _module(target).check(target)
    return way


def connect(target: TargetSpec, access: Access) -> Link:
    """Return a link to the device of `target`.

    Raises:
        ConfigError: the target does not say which device.
        DeviceUnreachableError: it does not answer, or refuses us.
    """
    way: Connect = _module(target).connect
    return way(target, access)


def _module(target: TargetSpec) -> Any:
    """Return the module of the target's transport; imported when a device is reached, and not before."""
    return import_module(target.way.module or f"lab.devices.{target.way.name}.connect")
