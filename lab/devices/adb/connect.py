"""From a target to a link: which phone, and who speaks to it."""

from __future__ import annotations

import os
from contextlib import suppress
from importlib.util import find_spec

from lab.core.errors import ConfigError, DeviceUnreachableError
from lab.core.text import said
from lab.devices.adb import server
from lab.devices.adb.address import Address, address_of, address_text
from lab.devices.adb.by_server import ServerLink
from lab.devices.adb.choose import Choice
from lab.devices.adb.direct import DirectLink
from lab.devices.adb.handshake import Greeter
from lab.devices.adb.keys import load_keys
from lab.devices.adb.listing import Attached
from lab.devices.adb.program import find_program, program
from lab.devices.adb.usb import HINT, plug_in
from lab.devices.adb.wire import Wire, dial
from lab.devices.link import Access, Link
from lab.formats.target import TargetSpec

CONNECT_S = 10.0


def connect(target: TargetSpec, access: Access) -> Link:
    """Return a link to the phone of `target`, which was reached once.

    Raises:
        ConfigError: the target does not say which phone, or what is needed to reach it is not installed.
        DeviceUnreachableError: it does not answer, refuses us, or several phones could be meant.
        DeviceError: it is older than Android 7.
    """
    check(target)
    link = _by_server(target, access) if _takes_server(target) else _direct(target, access)
    try:
        link.facts()
    except BaseException:
        link.close()
        raise
    return link


def check(target: TargetSpec) -> str:
    """Return in words how the phone would be reached, asking nobody; ConfigError for what cannot work from here."""
    address = address_of(target)
    backend = target.adb.backend
    if backend == "adb":
        program()
    elif backend == "adb-shell" and not address and not find_spec("usb1"):
        raise ConfigError(f"{_key(target)}: [adb].backend: phones on USB need the package libusb1", hint=HINT)
    elif backend == "auto" and not address and not find_spec("usb1") and not find_program():
        raise ConfigError(f"{_key(target)}: phones on USB need the adb program or the package libusb1", hint=HINT)
    return f"adb to {address_text(address) or target.device.serial or 'the only phone attached'}"


def _key(target: TargetSpec) -> str:
    return f"targets/{target.name}.toml"


def _takes_server(target: TargetSpec) -> bool:
    """Whether the adb server is who speaks to the phone. In doubt: only where it holds the phone, or may hold it."""
    if target.adb.backend != "auto":
        return target.adb.backend == "adb"
    address = address_of(target)
    held = _held()
    if address:
        return address_text(address) in {one.serial for one in held}
    wanted = target.device.serial
    return bool(any(one.is_called(wanted) for one in held) if wanted else held) or find_program() is not None


def _held() -> list[Attached]:
    with suppress(server.NoServerError, server.RefusedError, DeviceUnreachableError):
        return server.attached()
    return []


def _by_server(target: TargetSpec, access: Access) -> ServerLink:
    address = address_text(address_of(target))
    return ServerLink(Choice(target.name, address, target.device.serial, access))


def _direct(target: TargetSpec, access: Access) -> DirectLink:
    address = address_of(target)

    def open_wire() -> Wire:
        serial = target.device.serial or os.environ.get("ANDROID_SERIAL", "")
        return _dial(target.name, address) if address else plug_in(serial, CONNECT_S)

    return DirectLink(target.name, open_wire, Greeter(lambda: load_keys(access.note), access.note))


def _dial(name: str, address: Address) -> Wire:
    try:
        return dial(*address, CONNECT_S)
    except OSError as problem:
        hint = "is the phone in this network, wireless debugging on ('adb tcpip 5555' by USB), and the port right?"
        reason = said(problem.strerror or str(problem))
        raise DeviceUnreachableError(f"{name}: no answer at {address_text(address)}: {reason}", hint=hint) from problem
