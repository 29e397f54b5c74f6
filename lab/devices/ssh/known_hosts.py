"""The user's known_hosts: read strictly, and only ever added to."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import asyncssh

from lab.core.errors import DeviceError
from lab.core.text import said

GLOBAL = ("/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2")
USER = ("~/.ssh/known_hosts", "~/.ssh/known_hosts2")


@dataclass(frozen=True)
class Line:
    """A line that speaks of a host: which keys it lets the host have, its authorities may sign, or it forbids."""

    place: str
    keys: tuple[asyncssh.SSHKey, ...]
    authorities: tuple[asyncssh.SSHKey, ...]
    revoked: tuple[asyncssh.SSHKey, ...]


class KnownHosts:
    """What the files say of the host called `name` there (`host`, or `[host]:port` where the port is not 22)."""

    def __init__(
        self, name: str, other_names: Sequence[str], files: Sequence[Path], trusted: Sequence[asyncssh.SSHKey] = ()
    ) -> None:
        self.name = name
        self._trusted = trusted
        self._other_names = other_names
        self._files = files

    @cached_property
    def lines(self) -> list[Line]:
        """The lines of this very name, and what is trusted for this command, which stands in no file."""
        now = [Line("this command", tuple(self._trusted), (), ())] if self._trusted else []
        return [*now, *(line for path in self._files for line in _lines(path, self.name))]

    @property
    def bindings(self) -> list[Line]:
        """The lines that say which keys the host may show: with one, any other key is a changed key."""
        return [line for line in self.lines if line.keys or line.authorities]

    @property
    def has_authorities(self) -> bool:
        """Whether the host may show a certificate instead of a known key."""
        return any(line.authorities for line in self.lines)

    def known_otherwise(self, key: asyncssh.SSHKey) -> bool:
        """Whether the key is that of the same host at its usual port, as ssh accepts it too."""
        return any(
            key in line.keys for path in self._files for name in self._other_names for line in _lines(path, name)
        )

    def match(self, host: str, addr: str, port: int | None) -> Sequence[str]:
        """Return the keys for asyncssh: trusted, authorities, revoked; the rest are X.509."""
        # The name alone counts, as with ssh: an address passes from one board to the next.
        keys = [key for line in self.lines for key in line.keys]
        authorities = [key for line in self.lines for key in line.authorities]
        revoked = [key for line in self.lines for key in line.revoked]
        found: tuple[Sequence[object], ...] = (keys, authorities, revoked, [], [], [], [])
        return found  # type: ignore[return-value]  # asyncssh's own alias of this type is too narrow


def _lines(path: Path, name: str) -> list[Line]:
    try:
        text = path.read_text("utf-8", "replace")
    except (OSError, ValueError):  # not there, or no name that a file can have
        return []
    found = (_line(f"{path}:{number}", line, name) for number, line in enumerate(text.splitlines(), 1))
    return [line for line in found if line is not None]


def _line(place: str, text: str, name: str) -> Line | None:
    try:
        keys, authorities, revoked, *_ = asyncssh.SSHKnownHosts(text).match(name, "", None)
    except ValueError:  # a line that ssh would leave out too
        return None
    if not (keys or authorities or revoked):
        return None
    return Line(place, tuple(keys), tuple(authorities), tuple(revoked))


def keeps(path: Path) -> bool:
    """Whether what is written to `path` can be read again: /dev/null, which many name for boards, keeps nothing."""
    return not path.is_char_device()


def add_line(path: Path, name: str, key: asyncssh.SSHKey) -> None:
    """Add the key of a host at the end of `path`, whole or not at all; nothing there is ever changed.

    Raises:
        DeviceError: it cannot be written.
    """
    line = f"{name} {key.export_public_key().decode().strip()}\n".encode()
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            _append(handle, line)
        finally:
            os.close(handle)
    except OSError as problem:
        raise DeviceError(
            f"{path}: cannot add the key of {said(name)}: {problem.strerror}",
            hint=f"make it writable, or add the line yourself: {line.decode().strip()}",
        ) from problem


def _append(handle: int, line: bytes) -> None:
    size = os.fstat(handle).st_size
    if size and os.pread(handle, 1, size - 1) != b"\n":
        line = b"\n" + line
    try:
        if os.write(handle, line) != len(line):
            raise OSError(28, "no room for the whole line")
        os.fsync(handle)
    except OSError:
        os.ftruncate(handle, size)
        raise
