"""`lab devices clean` without its looks."""

from __future__ import annotations

from contextlib import closing

from lab.core.errors import UsageError
from lab.core.lock import device_lock
from lab.core.lock_holder import holder_line
from lab.devices.link import Access
from lab.devices.registry import open_device
from lab.devices.remote.device import RemoteDevice
from lab.formats.target import load_target, reached


def cleaned(name: str, address: str | None, access: Access | None, *, remove: bool) -> list[tuple[str, int]]:
    """Return (sha256, bytes) of what was pushed to the device of target `name`, and with `remove` take it away.

    Raises:
        BusyError: somebody measures on it.
        DeviceUnreachableError: it does not answer.
        UsageError: nothing is ever pushed to it.
    """
    target = load_target(name)
    device = open_device(reached(target, address), access)
    if not isinstance(device, RemoteDevice):
        raise UsageError(f"{name} is this machine: nothing is pushed to it", hint="`lab clean` is for compiled/")
    what = f"cleaning of {name}"
    with closing(device), device_lock(device.serial, what), device.claim(holder_line(what)):
        found = device.stored()
        if remove:
            device.clear()
    return found
