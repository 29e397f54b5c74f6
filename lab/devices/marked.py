"""A link whose answers are the command's own, whatever the login files of the account print, read or refuse."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

from lab.core.errors import DeviceError, DeviceFailedError, DeviceUnreachableError, LabError
from lab.core.text import said
from lab.devices.link import MAX_OUTPUT_BYTES, Answer, Link, LinkTimeoutError
from lab.devices.marks import Marks, OwnOutput

BEGIN_S = 60.0  # for login files that wait for input, while a command has to be fed
POLL_S = 0.005
NO_SHELL = "this account gives no POSIX shell"
SHELL_HINT = (
    "lab needs an account whose login shell is sh, bash, zsh, fish or csh, without a forced command, and login files"
    " that end by themselves: another [ssh].user, or another key"
)


class NoShellError(DeviceFailedError):
    """What was asked never ran: the account answers in another way than a POSIX shell."""


class MarkedLink:
    """Any link, with marks around each command's output; `name` is for errors. See `Link`."""

    def __init__(self, link: Link, name: str) -> None:
        self._link = link
        self._name = name

    def facts(self) -> dict[str, Any]:
        """See `Link.facts`."""
        return self._link.facts()

    def execute(
        self,
        command: str,
        *,
        timeout_s: float,
        stall_s: float | None = None,
        feed: Iterable[bytes] | None = None,
        on_stdout: Callable[[bytes], None] | None = None,
    ) -> Answer:
        """Return what `command` itself printed, and its own exit code; see `Link.execute`.

        Input is sent when the command has begun: login files that read some of it would take it away.

        Raises NoShellError when the command never began.
        """
        marks, kept = Marks(), bytearray()
        own = OwnOutput(marks, on_stdout or self._into(kept))
        fed = None if feed is None else self._once_begun(own, feed)
        try:
            answer = self._link.execute(
                marks.around(command), timeout_s=timeout_s, stall_s=stall_s, feed=fed, on_stdout=own.feed
            )
        except (LinkTimeoutError, DeviceUnreachableError) as problem:
            raise _explained(own, problem) from problem
        own.finish()
        if not own.begun.is_set():
            raise _no_shell(self._name, quoted_answer(own.before, answer.stderr, answer.code))
        stderr = own.stderr(answer.stderr)
        return replace(answer, code=own.exit_code(answer.code), stdout=bytes(kept), stderr=stderr, more_after=own.after)

    def close(self) -> None:
        """See `Link.close`."""
        self._link.close()

    def _into(self, kept: bytearray) -> Callable[[bytes], None]:
        def take(data: bytes) -> None:
            kept.extend(data)
            if len(kept) > MAX_OUTPUT_BYTES:
                raise DeviceError(f"{self._name}: the command wrote more than {MAX_OUTPUT_BYTES >> 20} MiB")

        return take

    def _once_begun(self, own: OwnOutput, feed: Iterable[bytes]) -> Iterator[bytes]:
        waited_s = 0.0
        while not own.begun.wait(POLL_S):
            waited_s += POLL_S
            if waited_s >= BEGIN_S:
                own.finish()
                raise _no_shell(self._name, f"{_before(own)} and then waited for input")
            yield b""
        yield from feed


def marked(link: Link, name: str) -> MarkedLink:
    """Return the link with marks, itself where it has them."""
    return link if isinstance(link, MarkedLink) else MarkedLink(link, name)


def _no_shell(name: str, told: str) -> NoShellError:
    return NoShellError(f"{name}: {NO_SHELL}: {told}", hint=SHELL_HINT)


def _explained(own: OwnOutput, problem: LabError) -> LabError:
    """Say what the account did, where that is why nothing came, or nothing more."""
    own.finish()
    kind = LinkTimeoutError if isinstance(problem, LinkTimeoutError) else DeviceUnreachableError
    if own.code is not None:
        what = f"{problem.what}; it ended, but a program that a login file left running keeps its output open"
        return kind(what, hint=problem.hint or "start that program with its output to /dev/null")
    if own.begun.is_set() or not own.before.strip():
        return problem
    what = f"{problem.what}; the command never began, perhaps because {NO_SHELL}: {_before(own)}"
    return kind(what, hint=problem.hint or SHELL_HINT)


def quoted_answer(stdout: bytes, stderr: bytes, code: int) -> str:
    """Return in words what came in place of the command's output: the first line of each stream, fit for a terminal."""
    lines = [line for line in (_first_line(stderr), _first_line(stdout)) if line]
    if not lines:
        return f"it printed nothing, exit code {code}"
    return f"it printed {' and '.join(repr(line) for line in dict.fromkeys(lines))}, exit code {code}"


def _before(own: OwnOutput) -> str:
    line = _first_line(own.before)
    return f"it printed {line!r}" if line else "it printed nothing"


def _first_line(data: bytes) -> str:
    lines = (said(line) for line in data.decode("utf-8", "replace").splitlines())
    return next((line for line in lines if line.strip()), "")
