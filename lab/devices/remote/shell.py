"""Short questions to a device's shell."""

from __future__ import annotations

from lab.core.errors import DeviceFailedError
from lab.core.text import printable
from lab.devices.link import Answer, Link, LinkTimeoutError

TIMEOUT_S = 60.0
SAID_CHARS = 500


class Shell:
    """Asks over a link; `name` is the target's, for messages."""

    def __init__(self, name: str, link: Link) -> None:
        self.name = name
        self.link = link

    def ask(self, command: str, what: str, *, timeout_s: float = TIMEOUT_S) -> str:
        """Return what `command` printed; `what` says in an error what it was for.

        Raises:
            DeviceFailedError: it failed, or did not end in time.
            DeviceUnreachableError: the device went away.
        """
        answer = self.answer(command, what, timeout_s=timeout_s)
        if answer.code != 0:
            raise DeviceFailedError(f"{self.name}: cannot {what}: {said(answer)}")
        return answer.stdout.decode("utf-8", "replace")

    def answer(self, command: str, what: str, *, timeout_s: float = TIMEOUT_S) -> Answer:
        """Return how `command` ended, whatever its code."""
        try:
            return self.link.execute(command, timeout_s=timeout_s)
        except LinkTimeoutError as problem:
            raise DeviceFailedError(f"{self.name}: cannot {what}: {problem.what}", hint=problem.hint) from problem


def said(answer: Answer) -> str:
    """Return what a command complained of, or its code when it said nothing; fit for a terminal."""
    text = answer.stderr.decode("utf-8", "replace").strip() or f"exit code {answer.code}"
    return printable(text)[-SAID_CHARS:]
