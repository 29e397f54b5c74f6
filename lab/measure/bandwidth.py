"""How fast this device reads memory: the roof that a session's numbers are held against."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lab.devices.base import Device
from lab.measure.runner.ask import ask
from lab.ondevice.events import Bandwidth


@dataclass(frozen=True)
class Roof:
    """Bytes per second, pass by pass; empty with a reason when it could not be measured."""

    bytes_per_s: tuple[float, ...]
    reason: str | None = None
    loop: str | None = None


def read_roof(device: Device, argv: Sequence[str], env: Mapping[str, str]) -> Roof:
    """Run the runner's bandwidth verb; a failure is a reason, never an end of the session."""
    said, ending = ask(device, argv, env, Bandwidth)
    if said is None:
        return Roof((), ending)
    if not said.bytes_per_s:
        return Roof((), f"the runner gave no rate ({ending})")
    return Roof(said.bytes_per_s, loop=said.loop)
