"""The adb server's list of phones, taken apart, and the one of them that is meant."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lab.core.errors import DeviceUnreachableError
from lab.core.text import said

NO_SERIAL = "(no serial number)"
LIST_HINT = "see 'lab devices'"
_STATES = (
    "device|offline|unauthorized|authorizing|connecting|bootloader|recovery|rescue|sideload|host|detached|no device"
    "|unknown"
)
_LINE = re.compile(rf"(?P<serial>.*\S)\s+(?P<state>{_STATES}|no permissions\b.*?)(?P<rest>(?:\s+[a-z_]+:\S*)*)\s*")
_EMULATORS = " (an adb server takes ports 5554 to 5585 for emulators', and lists what listens there once more)"


@dataclass(frozen=True)
class Attached:
    """A phone that the server knows: `state` is "device" when it can be used.

    `path` is where it is plugged in (usb:1-2), `transport` the server's number for it, `names` what else adb takes.
    """

    serial: str
    state: str
    model: str = ""
    path: str = ""
    transport: str = ""
    names: tuple[str, ...] = ()

    @property
    def usable(self) -> bool:
        """Whether it can be used now."""
        return self.state == "device"

    def is_called(self, name: str) -> bool:
        """Whether `name` means this phone: its serial, usb:PATH, transport:N, or a word of its line, as adb has it."""
        own = (self.serial, self.path, f"transport:{self.transport}", *self.names)
        return name in own and name not in ("transport:", NO_SERIAL)


def phones(text: str) -> list[Attached]:
    """Return the phones of an answer to host:devices-l."""
    return [_attached(line) for line in text.splitlines() if line.strip()]


def _attached(line: str) -> Attached:
    # From the right: a serial may hold blanks, and a state several words ("no permissions (reason); see [http...]").
    found = _LINE.fullmatch(line.strip())
    if found is None:
        serial, _, rest = line.strip().partition("\t" if "\t" in line else " ")
        return Attached(said(serial), said(rest.split()[0]) if rest.split() else "")
    pairs = dict(word.split(":", 1)[:2] for word in found["rest"].split())
    return Attached(
        serial=said(found["serial"]),
        state="no permissions" if found["state"].startswith("no permissions") else said(found["state"]),
        model=said(pairs.get("model", "").replace("_", " ")),
        path=said(f"usb:{pairs['usb']}") if pairs.get("usb") else "",
        transport=pairs.get("transport_id", "") if pairs.get("transport_id", "").isdecimal() else "",
        names=tuple(said(f"{key}:{pairs[key]}") for key in ("product", "model", "device") if pairs.get(key)),
    )


def pick(listed: Sequence[Attached], wanted: str, name: str) -> Attached:
    """Return the phone that is meant: the one called `wanted`, else the only one that can be used, else the only one.

    One that is not listed has the state "missing". `name` is the target's, for errors.

    Raises:
        DeviceUnreachableError: there is none, or several could be meant.
    """
    fitting = [one for one in listed if one.is_called(wanted)] if wanted else list(listed)
    usable = [one for one in fitting if one.usable]
    for group in (usable, fitting):
        if len(group) == 1:
            return group[0]
    if wanted and not fitting:
        return Attached(wanted, "missing")
    if not fitting:
        raise DeviceUnreachableError(f"{name}: the adb server has no phone", hint=f"plug it in; {LIST_HINT}")
    raise _several(usable or fitting, wanted, name)


def _several(fitting: Sequence[Attached], wanted: str, name: str) -> DeviceUnreachableError:
    which = f"several phones called {said(wanted)}" if wanted else "several phones"
    listed = ", ".join(f"{handle(one, fitting)} ({one.model or one.state})" for one in fitting)
    hint = f"say which one: --at '{handle(fitting[0], fitting)}'" + ("" if wanted else ', or [device].serial = "..."')
    if "emulator-" in listed:
        hint += _EMULATORS
    return DeviceUnreachableError(f"{name}: the adb server has {which}: {listed}", hint=hint)


def handle(one: Attached, among: Iterable[Attached]) -> str:
    """Return what tells this phone from the others: its serial, else where it is plugged in, else its number."""
    alike = sum(1 for other in among if other.serial == one.serial)
    if alike <= 1 and one.serial != NO_SERIAL:
        return one.serial
    return one.path or (f"transport:{one.transport}" if one.transport else one.serial)
