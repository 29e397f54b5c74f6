"""Which class serves which transport."""

from __future__ import annotations

from collections.abc import Callable

from lab.core.errors import DeviceError
from lab.core.target import TargetSpec
from lab.devices.base import Device
from lab.devices.local import LocalDevice

TRANSPORTS: dict[str, Callable[[TargetSpec], Device]] = {"local": LocalDevice}


def open_device(target: TargetSpec) -> Device:
    """Return the device that `target` describes; the caller closes it.

    Raises:
        DeviceError: this version of lab does not speak the target's transport.
    """
    transport = target.device.transport
    if transport not in TRANSPORTS:
        raise DeviceError(
            f"targets/{target.name}.toml: [device].transport: {transport!r} is not in this version of lab",
            hint=f"transports that work: {', '.join(sorted(TRANSPORTS))}",
        )
    return TRANSPORTS[transport](target)
