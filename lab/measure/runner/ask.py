"""A verb of the runner that answers with one event."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from lab.core.errors import MeasureError
from lab.core.proc import CommandError, describe_code
from lab.devices.base import Device
from lab.measure.attempt import after_ctrl_c
from lab.ondevice.events import Error, Event, decode_line

TIMEOUT_S = 120.0
E = TypeVar("E")


@dataclass(frozen=True)
class Reply:
    """What a call of the runner brought: its events, how it ended in words, its exit code where it has one."""

    events: tuple[Event, ...]
    ending: str
    code: int | None
    stderr: str

    def of(self, wanted: type[E]) -> E | None:
        """Return the first event of a kind."""
        return next((event for event in self.events if isinstance(event, wanted)), None)


def ask(device: Device, argv: Sequence[str], env: Mapping[str, str], wanted: type[E]) -> tuple[E | None, str]:
    """Return the answer and how the runner ended; without an answer, None and the reason. Raises as `reply` does."""
    return answer_in(reply(device, argv, env), wanted)


def answer_in(told: Reply, wanted: type[E]) -> tuple[E | None, str]:
    """Return the first event of a kind, unless an error came before it, and how the runner ended or why not."""
    for event in told.events:
        if isinstance(event, Error):
            return None, f"{event.where}: {event.message}"
        if isinstance(event, wanted):
            return event, told.ending
    return None, told.ending if told.code is None else f"the runner gave no answer ({told.ending})"


def reply(device: Device, argv: Sequence[str], env: Mapping[str, str]) -> Reply:
    """Return what the runner answers.

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
        return Reply(tuple(events), problem.reason, None, problem.completed.stderr)
    except MeasureError as problem:
        if after_ctrl_c(problem):
            raise KeyboardInterrupt from problem
        return Reply((), problem.what, None, "")
    return Reply(tuple(events), describe_code(done.code), done.code, done.stderr)
