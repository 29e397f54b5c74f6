"""The adb server: the program's background part, which holds phones on USB and those that it was told to connect to.

Its protocol is four hexadecimal digits of size and a request; it answers OKAY or FAIL and why. Asked directly, it
tells what the program's own exit codes hide: whether a command ended with 255, or the phone went away.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from lab.core.errors import ConfigError, DeviceUnreachableError
from lab.core.text import said

DEFAULT_PORT = 5037
ASK_S = 10.0
MAX_ANSWER_BYTES = 1 << 20


class RefusedError(DeviceUnreachableError):
    """The server answered FAIL; the text is its reason."""


class NoServerError(DeviceUnreachableError):
    """Nobody listens where the server should."""


@dataclass(frozen=True)
class Attached:
    """A phone that the server knows: `state` is "device" when it can be used."""

    serial: str
    state: str
    model: str


def server_address() -> tuple[str, int]:
    """Return where the server is, by the variables that the adb program reads."""
    where = os.environ.get("ADB_SERVER_SOCKET", "")
    kind, _, rest = where.partition(":")
    host, _, port = rest.rpartition(":")
    if where and kind != "tcp":
        raise ConfigError(f"ADB_SERVER_SOCKET={said(where)}: lab reaches adb servers by tcp:HOST:PORT only")
    port = port if where else os.environ.get("ANDROID_ADB_SERVER_PORT") or str(DEFAULT_PORT)
    if not (port.isascii() and port.isdigit() and 0 < int(port) < 65_536):
        raise ConfigError(f"the adb server's port {said(port)!r} is no port", hint="set ANDROID_ADB_SERVER_PORT")
    return host or os.environ.get("ANDROID_ADB_SERVER_ADDRESS") or "127.0.0.1", int(port)


def asked(request: str, timeout_s: float = ASK_S) -> socket.socket:
    """Return a connection on which the server has said OKAY to `request`; the caller closes it.

    Raises NoServerError, RefusedError, or DeviceUnreachableError when it stops answering.
    """
    connection = _dial(timeout_s)
    try:
        with answering():
            demand(connection, request)
    except BaseException:
        connection.close()
        raise
    return connection


def ask(request: str, timeout_s: float = ASK_S) -> str:
    """Return the server's answer to a request that has one."""
    with asked(request, timeout_s) as connection, answering():
        return _text(connection)


def demand(connection: socket.socket, request: str) -> None:
    """Send one request and wait for OKAY; RefusedError with the reason when there is none."""
    data = request.encode()
    connection.sendall(b"%04x" % len(data) + data)
    if exactly(connection, 4) != b"OKAY":
        raise RefusedError(said(_text(connection)), hint="see 'lab devices'")


def exactly(connection: socket.socket, size_bytes: int) -> bytes:
    """Return exactly so many bytes; ConnectionError when the server ended."""
    data = b""
    while len(data) < size_bytes:
        chunk = connection.recv(size_bytes - len(data))
        if not chunk:
            raise ConnectionResetError("it closed the connection")
        data += chunk
    return data


@contextmanager
def answering() -> Iterator[None]:
    """Turn a connection that broke, fell silent, or speaks something else into a DeviceUnreachableError."""
    try:
        yield
    except (OSError, ValueError) as problem:  # ValueError: a size that is no number
        raise server_lost(problem) from problem


def server_lost(why: BaseException) -> DeviceUnreachableError:
    """The error for a server that ended in the middle."""
    hint = "it is started again at the next try; 'adb devices' shows what it holds"
    return DeviceUnreachableError(f"the adb server stopped answering: {said(str(why))}", hint=hint)


def server_version() -> str:
    """Return the version of the server's protocol, such as "1.0.41"."""
    with answering():
        return f"1.0.{int(ask('host:version'), 16)}"


def attached() -> list[Attached]:
    """Return every phone that the server knows."""
    return [_attached(line) for line in ask("host:devices-l").splitlines() if line.strip()]


def _attached(line: str) -> Attached:
    # "SERIAL            no permissions (reason); see [http...] usb:1-2": the state may have several words.
    serial, _, rest = line.strip().partition(" " if "\t" not in line else "\t")
    words = rest.split()
    model = next((word.partition(":")[2] for word in words if word.startswith("model:")), "")
    state = "no permissions" if words[:2] == ["no", "permissions"] else words[0] if words else ""
    return Attached(said(serial), said(state), said(model.replace("_", " ")))


def _dial(timeout_s: float) -> socket.socket:
    host, port = server_address()
    try:
        connection = socket.create_connection((host, port), timeout_s)
    except OSError as problem:
        what = f"no adb server at {host}:{port}: {problem.strerror or problem}"
        raise NoServerError(what, hint="adb start-server") from problem
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def _text(connection: socket.socket) -> str:
    size_bytes = int(exactly(connection, 4), 16)
    return exactly(connection, min(size_bytes, MAX_ANSWER_BYTES)).decode("utf-8", "replace")
