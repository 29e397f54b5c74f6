"""What phones there are: those that an adb server has, those on USB, and the targets that mean them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from lab.core.errors import LabError
from lab.devices.adb import server, usb
from lab.devices.adb.address import address_of, address_text
from lab.devices.adb.choose import running
from lab.devices.adb.listing import handle
from lab.devices.adb.program import INSTALL_HINT, find_program
from lab.formats.target import TargetSpec

SERVER, USB = "adb server", "USB"


@dataclass(frozen=True)
class Phone:
    """One phone: `way` is how it can be reached, `state` is "device" when it can be used; `targets` mean it."""

    serial: str
    state: str
    way: str
    model: str = ""
    targets: tuple[str, ...] = ()


@dataclass(frozen=True)
class Found:
    """All that was found; `not_asked` says where nobody could look, and why. `elsewhere` is target -> phone.

    `asked` are the ways that were looked at: an adb server has phones on USB too.
    """

    phones: list[Phone] = field(default_factory=list)
    not_asked: list[str] = field(default_factory=list)
    elsewhere: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)


def discover(targets: Mapping[str, TargetSpec | LabError]) -> Found:
    """Look wherever phones can be; what can't be asked is said, and is no error."""
    ours = [target for target in targets.values() if isinstance(target, TargetSpec)]
    ours = [target for target in ours if target.device.transport == "adb"]
    found = Found()
    for way, look in ((SERVER, _by_server), (USB, _by_usb)):
        try:
            known = {phone.serial for phone in found.phones if phone.serial}
            found.phones.extend([phone for phone in look() if phone.serial not in known])
            found.asked.append(way)
        except LabError as problem:
            found.not_asked.append(f"{problem.what} ({problem.hint})" if problem.hint else problem.what)
    only = found.phones if len(found.phones) == 1 else [one for one in found.phones if one.state == "device"]
    named = [_with_targets(phone, ours, len(only) == 1 and phone in only) for phone in found.phones]
    taken = {name for phone in named for name in phone.targets}
    found.elsewhere.update({target.name: _meant(target) for target in ours if target.name not in taken})
    return Found(named, found.not_asked, found.elsewhere, found.asked)


def _by_server() -> list[Phone]:
    if find_program() is None:
        try:
            phones = server.attached()
        except server.NoServerError:
            raise LabError("no adb server runs, and the adb program is not installed", hint=INSTALL_HINT) from None
    else:
        phones = running(server.attached)
    return [Phone(handle(one, phones), one.state, SERVER, one.model) for one in phones]


def _by_usb() -> list[Phone]:
    serials = [usb.serial_of(transport) for transport in usb.attached()]
    return [Phone(serial, "device" if serial else "no permissions", USB) for serial in serials]


def _with_targets(phone: Phone, targets: Iterable[TargetSpec], is_only: bool) -> Phone:
    names = [target.name for target in targets if (_meant(target) == phone.serial if _meant(target) else is_only)]
    return Phone(phone.serial, phone.state, phone.way, phone.model, tuple(names))


def _meant(target: TargetSpec) -> str:
    try:
        return address_text(address_of(target)) or target.device.serial or os.environ.get("ANDROID_SERIAL", "")
    except LabError:
        return target.adb.address  # what is wrong with it, `lab targets check` says
