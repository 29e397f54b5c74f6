"""A device's shell: command lines in which nothing is left for it to read, and short questions to it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lab.core.errors import DeviceError, DeviceFailedError
from lab.core.text import printable
from lab.devices.environment import LIMITS_OF_THREADS
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


_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def quoted(word: str) -> str:
    """Return `word` as one word of a POSIX shell.

    Raises:
        DeviceError: it holds a zero byte, which no command line can.
    """
    if "\0" in word:
        raise DeviceError(f"{word!r} cannot be part of a command: it holds a zero byte")
    return shlex.quote(word)


def line(argv: Sequence[str]) -> str:
    """Return the words as one command line."""
    return " ".join(quoted(word) for word in argv)


# The group of processes that this shell is in: where its login shell stays, that one leads it. A Mac has no /proc.
_GROUP = "lab_stat=; read -r lab_stat </proc/$$/stat; set -- ${lab_stat##*) }; echo ${3:-$$}"


def program(argv: Sequence[str], env: Mapping[str, str], *, stays: bool = False) -> str:
    """Return a command line that prints the id of a process group in a first line and then becomes the program.

    What the account's environment says of threads does not reach it: lab gives each program its number of them.
    The program has the shell's id, which leads a process group of its own under sshd and adbd. With `stays` the shell
    stays and waits for the program: needed where the account's own shell prints something at its end.
    """
    exports = [f"export {name}={quoted(value)}" for name, value in env.items() if _checked(name)]
    exports = [f"unset {' '.join(LIMITS_OF_THREADS)}", *exports]
    if stays:
        return "; ".join([f"{{ {_GROUP}; }} 2>/dev/null", "trap : TERM INT", *exports, line(argv)])
    return "; ".join(["echo $$", *exports, f"exec {line(argv)}"])


def _checked(name: str) -> bool:
    if not _VARIABLE.fullmatch(name):
        raise DeviceError(f"{name!r} cannot be the name of an environment variable")
    return True


@dataclass(frozen=True)
class Tools:
    """`hasher` prints the sha256 of its input or of a file, as its first word."""

    hasher: str
    is_bsd: bool = False

    def size_of(self, names: str) -> str:
        """Return the command that prints the bytes of a file; `names` is quoted already."""
        return f"stat -f %z {names}" if self.is_bsd else f"stat -c %s {names}"

    def names_and_sizes(self, names: str) -> str:
        """Return the command that prints a line "name bytes" for each file that is there."""
        return f"stat -f '%N %z' {names}" if self.is_bsd else f"stat -c '%n %s' {names}"

    def cut_to(self, name: str, size_bytes: int) -> str:
        """Return the command that shortens a file. Not every macOS has truncate; dd has always cut where it seeks."""
        if self.is_bsd:
            return f"dd if=/dev/null of={name} bs=1 seek={size_bytes} 2>/dev/null"
        return f"truncate -s {size_bytes} {name}"
