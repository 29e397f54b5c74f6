"""The adb server: the program's background part, which holds phones on USB and those that it was told to connect to.

Its protocol is four hexadecimal digits of size and a request; it answers OKAY or FAIL and why. Asked directly, it
tells what the program's own exit codes hide: whether a command ended with 255, or the phone went away.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from lab.core.errors import ConfigError, DeviceUnreachableError
from lab.core.text import said
from lab.devices.adb.listing import Attached, phones

DEFAULT_PORT = 5037
ASK_S = 10.0
LOCAL = {"localfilesystem": "", "local": "", "localabstract": "\0"}  # kinds of local sockets, as adb calls them
MAX_ANSWER_BYTES = 1 << 20


class RefusedError(DeviceUnreachableError):
    """The server answered FAIL; the text is its reason."""


class NoServerError(DeviceUnreachableError):
    """Nobody listens where the server should."""


def server_address() -> tuple[str, int] | str:
    """Return where the server is, by the variables that the adb program reads: host and port, or a local socket.

    A name that begins with a zero byte is one of Linux's, which is in no folder.
    """
    where = os.environ.get("ADB_SERVER_SOCKET", "")
    kind, _, rest = where.partition(":")
    if where and kind in LOCAL and rest:
        return LOCAL[kind] + rest
    if where and kind != "tcp":
        forms = "tcp:HOST:PORT, tcp:PORT, localfilesystem:PATH or localabstract:NAME"
        raise ConfigError(f"ADB_SERVER_SOCKET={said(where)}: lab reaches adb servers by {forms}")
    host, _, port = rest.rpartition(":")
    port = port if where else os.environ.get("ANDROID_ADB_SERVER_PORT") or str(DEFAULT_PORT)
    if not (port.isascii() and port.isdigit() and 0 < int(port) < 65_536):
        raise ConfigError(f"the adb server's port {said(port)!r} is no port", hint="set ANDROID_ADB_SERVER_PORT")
    host = host or os.environ.get("ANDROID_ADB_SERVER_ADDRESS") or "127.0.0.1"
    return host.removeprefix("[").removesuffix("]"), int(port)


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
    return phones(ask("host:devices-l"))


def _dial(timeout_s: float) -> socket.socket:
    address = server_address()
    place = said(address.replace("\0", "@")) if isinstance(address, str) else f"{address[0]}:{address[1]}"
    try:
        connection = _dial_local(address, timeout_s) if isinstance(address, str) else _dial_tcp(address, timeout_s)
    except OSError as problem:
        what = f"no adb server at {place}: {problem.strerror or problem}"
        raise NoServerError(what, hint="adb start-server") from problem
    return connection


def _dial_tcp(address: tuple[str, int], timeout_s: float) -> socket.socket:
    connection = socket.create_connection(address, timeout_s)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def _dial_local(name: str, timeout_s: float) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(timeout_s)
        connection.connect(name)
    except BaseException:
        connection.close()
        raise
    return connection


def _text(connection: socket.socket) -> str:
    size_bytes = int(exactly(connection, 4), 16)
    return exactly(connection, min(size_bytes, MAX_ANSWER_BYTES)).decode("utf-8", "replace")
