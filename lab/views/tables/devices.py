"""`lab devices` for people."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from lab.devices.adb.discover import SERVER, Found, Phone
from lab.views.table import CAUTION, FAINT, GOOD, left, spaced, table

NEXT = {
    "unauthorized": 'unlock the phone and tap "Allow"',
    "authorizing": 'unlock the phone and tap "Allow"',
    "offline": "switch USB or wireless debugging off and on again on the phone",
    "no permissions": "apt-get install android-sdk-platform-tools-common, and plug the phone in again",
}
EMPTY = """no phones
To see one here: on the phone, tap "Build number" in Settings seven times, switch on "USB debugging" in the
developer options, plug the phone in, and tap "Allow". Over Wi-Fi: 'lab devices pair HOST:PORT', or name its
address in a target."""


def devices_table(found: Found) -> RenderableType:
    """Every phone as a line, then what to do about those that can't be used, then what could not be asked."""
    parts: list[RenderableType] = [_phones(found.phones) if found.phones else Text(EMPTY)]
    if found.elsewhere:
        parts.append(_elsewhere(found))
    if found.not_asked and SERVER not in found.asked:
        parts.append(Group(*(Text(f"not asked: {reason}", FAINT) for reason in found.not_asked)))
    return spaced(parts)


def _phones(phones: list[Phone]) -> RenderableType:
    columns = [left("Phone"), left("State", fold=False), left("Seen by", fold=False), left("Model"), left("Targets")]
    rows: list[list[str | Text]] = [
        [phone.serial or "(unknown)", _state(phone), phone.way, phone.model or "–", ", ".join(phone.targets) or "none"]
        for phone in phones
    ]
    steps = [
        Text(f"! {phone.serial or 'phone'}: {NEXT[phone.state]}", CAUTION) for phone in phones if phone.state in NEXT
    ]
    return Group(table(columns, rows), *steps)


def _state(phone: Phone) -> Text:
    return Text("ready", GOOD) if phone.state == "device" else Text(phone.state, CAUTION)


def _elsewhere(found: Found) -> RenderableType:
    named = [
        f"{name}: {phone} is not listed; 'lab targets check {name} --connect' asks it"
        for name, phone in found.elsewhere.items()
        if phone
    ]
    return Group(*map(Text, [*named, *_for_the_only_one(found)]))


def _for_the_only_one(found: Found) -> list[str]:
    """Say of targets that name no phone, and so mean the only one, why they have none."""
    names = ", ".join(name for name, phone in found.elsewhere.items() if not phone)
    if not names:
        return []
    if found.phones:
        why = "several phones attached: choose one with --at, or in [device].serial of the target"
    else:
        why = "no phone attached"
    return [f"{names}: {why}"]
