"""The ways to a device: one row each, which says all that lab has to know of it (docs/writing-a-transport.md).

A row names the table of a target file that says where the device is. Nothing of that table goes on record or leaves
this machine unless its row declares it public: who forgets to declare a field hides it.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal, Self

from lab.core.decode import show
from lab.core.fields import Limits, encode
from lab.core.suggest import did_you_mean

_USER, _NAME = r"[A-Za-z0-9_][A-Za-z0-9_.@-]*?", r"[A-Za-z0-9_][A-Za-z0-9_.-]*"
_PORT = r"(?::(?P<port>\d{1,5}))?"
_FORMS = (
    rf"(?:(?P<user>{_USER})@)?(?P<host>{_NAME}){_PORT}",
    rf"(?:(?P<user>{_USER})@)?\[(?P<host>[0-9A-Fa-f:.]+(?:%[A-Za-z0-9_.-]+)?)\]{_PORT}",
    rf"(?:(?P<user>{_USER})@)?(?P<host>[0-9A-Fa-f]*:[0-9A-Fa-f:.]+(?:%[A-Za-z0-9_.-]+)?)(?P<port>)",
)


@dataclass(frozen=True)
class Address:
    """One that was taken apart; no user is "", no port is 0."""

    host: str
    port: int = 0
    user: str = ""

    @classmethod
    def read(cls, text: str) -> Self | None:
        """Return the address that `text` is, or None: IPv6 as [addr]:port, or without a port as it is."""
        for index, form in enumerate(_FORMS):
            found = re.fullmatch(form, text)
            if found is None or (index > 0 and not _is_ipv6(found["host"])):
                continue
            port = int(found["port"] or 0)
            return cls(found["host"], port, found["user"] or "") if port < 65_536 else None
        return None


def _is_ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


# As adb lists it; phones that were found in the network may have a blank and brackets in it.
SERIAL = r"[A-Za-z0-9(][A-Za-z0-9._:() -]{0,100}"


@dataclass(frozen=True)
class Known:
    """In an annotation of text: the name of a transport."""

    def problem(self, value: str) -> str | None:
        """Say what is wrong with `value`, or None when there is a transport of that name."""
        names = list(TRANSPORTS)
        if value in names:
            return None
        return f"{show(value)} is not one of {', '.join(names)}.{did_you_mean(value, names)}"


@dataclass(frozen=True)
class DeviceSpec:
    """How to reach the device; the transport "none" is of one that can only be compiled for."""

    transport: Annotated[str, Known()]
    work_dir: str = ""
    serial: str = ""
    emulated: bool = False


PUBLIC_OF_DEVICE = ("transport", "work_dir", "emulated")  # the device's own serial is in a record as a hash


@dataclass(frozen=True)
class AdbSpec:
    """Which phone: `address` is host:port over Wi-Fi; empty is USB or an adb server, by [device].serial.

    `backend` is who speaks: the adb-shell package, the adb program, or "auto": what reaches the phone.
    """

    address: Annotated[str, Limits(pattern=r"|[A-Za-z0-9_][A-Za-z0-9_.:%-]*")] = ""
    backend: Literal["auto", "adb-shell", "adb"] = "auto"


@dataclass(frozen=True)
class SshSpec:
    """Which host; what is empty or 0 is left to the user's own ssh configuration. `jump` is [user@]host[:port].

    `known_hosts` is a file of host keys that stands in for the user's own.
    """

    host: Annotated[str, Limits(pattern=r"|[A-Za-z0-9_:][A-Za-z0-9_.:%-]*")] = ""
    port: Annotated[int, Limits(min=0, max=65_535)] = 0
    user: Annotated[str, Limits(pattern=r"|[A-Za-z0-9_][A-Za-z0-9_.@-]*")] = ""
    key: str = ""
    jump: Annotated[str, Limits(pattern=r"|[A-Za-z0-9_\[][A-Za-z0-9_.:%@\[\]-]*")] = ""
    known_hosts: str = ""


@dataclass(frozen=True)
class QemuSpec:
    """What to start: an `image` of compiled/images/, on a simulated `cpu`.

    Cores and memory count for whole machines only, `storage_mib` (where files are pushed to) for phones only.
    """

    image: Annotated[str, Limits(pattern=r"|[a-z0-9][a-z0-9-]{0,60}")] = ""
    cpu: Annotated[str, Limits(pattern=r"[a-z0-9][a-z0-9.-]*")] = "cortex-a76"
    cores: Annotated[int, Limits(min=1, max=64)] = 2
    memory_mib: Annotated[int, Limits(min=256, max=1_048_576, unit="MiB")] = 2048
    storage_mib: Annotated[int, Limits(min=1, max=1_048_576, unit="MiB")] = 4096
    reach: Literal["ssh", "adb"] = "ssh"


@dataclass(frozen=True)
class NoTable:
    """A transport that needs no table of its own in a target file."""


# From a transport's table, [device] and an address that a person typed to both as that says; None: it is no address.
At = Callable[[Any, DeviceSpec, str], tuple[Any, DeviceSpec] | None]


@dataclass(frozen=True)
class Transport:
    """One way to a device.

    `spec` is the class of its table, which has the transport's name in a target file; `public` are the fields of it
    that may go on record, `place` those that tell one device from another. `module` has `check` and `connect` (see
    lab/devices/registry.py); empty is lab.devices.NAME.connect. `here` says that its device computes on this machine's
    processor. `at` reads what --at gives, `forms` says what that may be.
    """

    name: str
    spec: type[Any] = NoTable
    public: tuple[str, ...] = ()
    place: tuple[str, ...] = ()
    module: str = ""
    here: bool = False
    emulated: bool = False
    at: At | None = None
    forms: str = ""

    def recorded(self, table: Any) -> dict[str, Any]:
        """Return what a record may hold of the table."""
        return {name: value for name, value in encode(table).items() if name in self.public}


def _adb_at(table: AdbSpec, device: DeviceSpec, text: str) -> tuple[AdbSpec, DeviceSpec] | None:
    found = Address.read(text)
    if found and found.port and not found.user and not re.match("transport:|usb:", text):
        return replace(table, address=f"{found.host}:{found.port}"), device
    if re.fullmatch(SERIAL, text):
        return replace(table, address=""), replace(device, serial=text)
    return None


def _ssh_at(table: SshSpec, device: DeviceSpec, text: str) -> tuple[SshSpec, DeviceSpec] | None:
    found = Address.read(text)
    if found is None:
        return None
    return replace(table, host=found.host, port=found.port, user=found.user or table.user), device


_ROWS = (
    Transport("local", here=True),
    Transport(
        "ssh",
        SshSpec,
        place=("host", "port", "jump"),
        at=_ssh_at,
        forms="[user@]host[:port], or [user@][IPv6]:port",
    ),
    Transport(
        "adb",
        AdbSpec,
        public=("backend",),
        place=("address",),
        at=_adb_at,
        forms="a serial, usb:PATH, transport:N, or host:port",
    ),
    Transport(
        "qemu",
        QemuSpec,
        public=("image", "cpu", "cores", "memory_mib", "storage_mib", "reach"),
        here=True,
        emulated=True,
    ),
    Transport("none", module="lab.devices.no_transport"),
)
TRANSPORTS = {row.name: row for row in _ROWS}
