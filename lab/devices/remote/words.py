"""Command lines for a device's shell, in which nothing is left for the shell to read."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence

from lab.core.errors import DeviceError
from lab.devices.environment import LIMITS_OF_THREADS

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
