"""What asyncssh stumbles over in OpenSSH's configuration files, told by file and line before it reads them."""

from __future__ import annotations

import re
import shlex
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NoReturn

from lab.core.errors import ConfigError
from lab.core.home import shown
from lab.core.text import said

INCLUDES_MAX = 16  # as many files inside each other as OpenSSH follows
MAX_BYTES = 4 << 20
HINT = "mend that line; `ssh -G HOST` shows how ssh sees it"
_NUMBER = re.compile(r"[+-]?(\d{1,9}[smhdw]?){1,4}|none|default|any", re.IGNORECASE)
_NUMBERS = {"port", "connecttimeout", "serveraliveinterval", "serveralivecountmax", "canonicalizemaxdots"}
_REKEY = re.compile(r"(default|none|\d{1,15}[kmg]?)(\s+(none|(\d{1,9}[smhdw]?){1,5}))?", re.IGNORECASE)


def check_files(paths: Sequence[str]) -> None:
    """Raise ConfigError, which names file and line, for a configuration that cannot be read to its end."""
    for path in paths:
        _check(Path(path), 1)


def expanded(text: str, paths: Sequence[str]) -> Path:
    """Return the path with its ~ replaced; ConfigError names the line of `paths` that has it where nobody is so called.

    ~ alone is this user's home folder, `~name` that of another.
    """
    try:
        return Path(text).expanduser()
    except (RuntimeError, ValueError):
        place = next((place for path in paths for place in _places(Path(path), text)), "ssh configuration")
        raise _error(place, f"{said(text)}: no such user, or one without a home folder") from None


def _check(path: Path, depth: int) -> None:
    for number, line in enumerate(_lines(path), 1):
        place = f"line {number} of {shown(path)}"
        if "\0" in line:
            raise _error(place, "a NUL character")
        name, value = _option(line)
        if name == "rekeylimit" and not _REKEY.fullmatch(value):
            _refuse(place, name, value)
        if name in _NUMBERS and not (_NUMBER.fullmatch(value) or (name == "port" and _is_service(value))):
            _refuse(place, name, value)
        for included in _included(value) if name == "include" else ():
            if depth >= INCLUDES_MAX:
                raise _error(place, f"more than {INCLUDES_MAX} files include each other")
            _check(included, depth + 1)


def _is_service(value: str) -> bool:
    """Whether it is the name of a port, which OpenSSH takes."""
    try:
        return bool(re.fullmatch(r"[A-Za-z][A-Za-z0-9_.-]{0,30}", value)) and socket.getservbyname(value, "tcp") > 0
    except OSError:
        return False


def _option(line: str) -> tuple[str, str]:
    """Return the name in lower case, and the value without the quotes around it."""
    name, _, value = re.sub(r"[\s=]+", " ", line.strip(), count=1).partition(" ")
    value = re.sub(r"\s+#.*", "", value).strip()
    return name.lower(), value[1:-1].strip() if len(value) > 1 and value[0] == value[-1] == '"' else value


def _included(value: str) -> Iterator[Path]:
    try:
        patterns = shlex.split(value)
    except ValueError:  # asyncssh says which quotation has no end
        return
    for pattern in patterns:
        try:
            path = Path("~/.ssh").expanduser() / Path(pattern).expanduser()
            yield from (one for one in Path(path.anchor).glob(str(path.relative_to(path.anchor))) if one.is_file())
        except (RuntimeError, ValueError, OSError, NotImplementedError, IndexError):
            continue


def _lines(path: Path) -> list[str]:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise _error(shown(path), f"more than {MAX_BYTES} bytes")
        return path.read_text("utf-8", "replace").split("\n")
    except OSError as problem:
        raise _error(shown(path), f"cannot read: {problem.strerror}") from problem


def _places(path: Path, text: str) -> Iterator[str]:
    for number, line in enumerate(_lines(path), 1):
        if text in line:
            yield f"line {number} of {shown(path)}"


def _refuse(place: str, name: str, value: str) -> NoReturn:
    raise _error(place, f"{name}: {value[:60]!r} is not a value that ssh takes")


def _error(place: str, problem: str) -> ConfigError:
    return ConfigError(f"ssh configuration: {place}: {problem}", hint=HINT)
