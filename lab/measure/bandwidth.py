"""How fast this device reads memory: the roof that a session's numbers are held against."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lab.core.errors import MeasureError
from lab.core.proc import CommandError, describe_code
from lab.devices.base import Device
from lab.measure.attempt import after_ctrl_c
from lab.ondevice.events import Bandwidth, Error, Event, decode_line

TIMEOUT_S = 120.0


@dataclass(frozen=True)
class Roof:
    """Bytes per second, pass by pass; empty with a reason when it could not be measured."""

    bytes_per_s: tuple[float, ...]
    reason: str | None = None
    loop: str | None = None


def read_roof(device: Device, argv: Sequence[str], env: Mapping[str, str]) -> Roof:
    """Run the runner's bandwidth verb; a failure is a reason, never an end of the session."""
    events: list[Event] = []

    def take(line: str) -> None:
        events.append(decode_line(line, len(events) + 1))

    try:
        done = device.run(argv, timeout_s=TIMEOUT_S, on_line=take, env=env)
    except CommandError as problem:
        return Roof((), problem.reason)
    except MeasureError as problem:
        if after_ctrl_c(problem):
            raise KeyboardInterrupt from problem
        return Roof((), problem.what)
    return _roof(events, describe_code(done.code))


def _roof(events: list[Event], ending: str) -> Roof:
    for event in events:
        if isinstance(event, Error):
            return Roof((), f"{event.where}: {event.message}")
        if isinstance(event, Bandwidth) and event.bytes_per_s:
            return Roof(event.bytes_per_s, loop=event.loop)
    return Roof((), f"the runner gave no rate ({ending})")
