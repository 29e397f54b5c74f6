"""A verb of the runner that answers with one event."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

from lab.core.errors import MeasureError
from lab.core.proc import CommandError, describe_code
from lab.devices.base import Device
from lab.measure.attempt import after_ctrl_c
from lab.ondevice.events import Error, Event, decode_line

TIMEOUT_S = 120.0
E = TypeVar("E")


def ask(device: Device, argv: Sequence[str], env: Mapping[str, str], wanted: type[E]) -> tuple[E | None, str]:
    """Return the answer and how the runner ended; without an answer, None and the reason.

    Raises:
        DeviceUnreachableError: the device went away.
        KeyboardInterrupt: the runner is gone by then.
    """
    events: list[Event] = []

    def take(line: str) -> None:
        events.append(decode_line(line, len(events) + 1))

    try:
        done = device.run(argv, timeout_s=TIMEOUT_S, on_line=take, env=env)
    except CommandError as problem:
        return None, problem.reason
    except MeasureError as problem:
        if after_ctrl_c(problem):
            raise KeyboardInterrupt from problem
        return None, problem.what
    return _answer(events, describe_code(done.code), wanted)


def _answer(events: list[Event], ending: str, wanted: type[E]) -> tuple[E | None, str]:
    for event in events:
        if isinstance(event, Error):
            return None, f"{event.where}: {event.message}"
        if isinstance(event, wanted):
            return event, ending
    return None, f"the runner gave no answer ({ending})"
