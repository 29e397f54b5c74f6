"""How a device is reached: one shell command line at a time, with bytes in and bytes out.

A transport is a `Link` and nothing else. All that lab does with a device that is not this machine (running, pushing,
reading its state) is built of `execute` alone, once, in lab/devices/remote/: so every transport can do the same, and
the same tests hold for each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from lab.core.errors import LabError
from lab.formats.target import TargetSpec

MAX_OUTPUT_BYTES = 16 << 20  # when nobody takes it as it comes; more is an error


@dataclass(frozen=True)
class Answer:
    """How a command line ended: `code` is the shell's, 128 + n for signal n. Output is what was not taken.

    `more_after` says that the account printed something behind the end of the command; see marked.py.
    """

    code: int
    stdout: bytes
    stderr: bytes
    more_after: bool = False


class LinkTimeoutError(LabError):
    """The device still answers, or may; the command did not end, or nothing moved, in the time it had."""


class Link(Protocol):
    """A way to a device. Several threads may call `execute` at once; no call waits for another to end."""

    def facts(self) -> dict[str, Any]:
        """Return what a record should say of the way: at least `link`, such as "adb over TCP (adb-shell 0.4.4)"."""

    def execute(
        self,
        command: str,
        *,
        timeout_s: float,
        stall_s: float | None = None,
        feed: Iterable[bytes] | None = None,
        on_stdout: Callable[[bytes], None] | None = None,
    ) -> Answer:
        """Have the device's POSIX shell run `command`, and return how it ended.

        `feed` is its standard input, closed at its end (default: empty); while it makes up its next piece, output may
        have to wait, and an empty piece says that there is nothing to send yet. `on_stdout` takes output as it comes;
        else it is in the answer, as the last bytes of standard error always are. When `on_stdout` or `feed` raises, or
        on Ctrl-C, the stream is closed at once and the exception goes on; whether that ends the command on the device
        is the transport's nature, so the caller sees to it.

        Raises:
            LinkTimeoutError: no end within `timeout_s` seconds, or no byte either way for `stall_s`.
            DeviceUnreachableError: the connection was lost, or could not be made again.
            DeviceError: more than MAX_OUTPUT_BYTES of standard output.
        """

    def close(self) -> None:
        """Let go of everything. Called again, it does nothing. A call of `execute` in another thread ends."""


@dataclass(frozen=True)
class Access:
    """How far a command may go to reach a device.

    `accept_new` trusts the host key of a first contact; else `confirm` asks the person with a question, and without
    one (nobody is there to ask) the contact is refused. `note` gets a line on what takes time.
    """

    accept_new: bool = False
    confirm: Callable[[str], bool] | None = None
    note: Callable[[str], None] | None = None


Connect = Callable[[TargetSpec, Access], Link]
