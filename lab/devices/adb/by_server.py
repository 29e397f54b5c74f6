"""The link by way of an adb server: for phones on USB that it holds, and for those that want TLS."""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from lab.core.errors import DeviceUnreachableError
from lab.devices.adb import server
from lab.devices.adb.choose import Choice
from lab.devices.adb.direct import ended_early, shell_service
from lab.devices.adb.listing import handle
from lab.devices.adb.shell import Shell
from lab.devices.link import Answer

MOST_BYTES = 256 << 10  # what one send hands over; the server cuts it to what the phone takes
MOST_COMMAND_BYTES = 0xFFFF  # the size of a request is four hexadecimal digits
RECEIVED_BYTES = 256 << 10


class SocketStream:
    """A command's socket at the server; see `shell.Stream`."""

    def __init__(self, connected: socket.socket) -> None:
        self.moved = time.monotonic()
        self.most_bytes = MOST_BYTES
        self._socket = connected
        self._unsent = memoryview(b"")
        connected.setblocking(False)

    def ready(self) -> bool:
        """See `Stream.ready`."""
        return not self._unsent

    def send(self, data: bytes) -> None:
        """See `Stream.send`."""
        self._unsent = memoryview(data)

    def receive(self, timeout_s: float) -> bytes | None:
        """See `Stream.receive`."""
        writing = [self._socket] if self._unsent else []
        readable, writable, _ = select.select([self._socket], writing, [], max(timeout_s, 0))
        try:
            if writable:
                self._unsent = self._unsent[self._socket.send(self._unsent) :]
                self.moved = time.monotonic()
            return self._received() if readable else b""
        except BlockingIOError:
            return b""
        except OSError:
            return self._rest()

    def close(self) -> None:
        """See `Stream.close`."""
        self._socket.close()

    def _received(self) -> bytes | None:
        data = self._socket.recv(RECEIVED_BYTES)
        self.moved = time.monotonic()
        return data or None

    def _rest(self) -> bytes | None:
        """What came before the server closed: a command that ended without reading its input still told its code."""
        self._unsent = memoryview(b"")
        with suppress(OSError):
            return self._received()
        return None


class ServerLink:
    """A phone that an adb server holds. Each command has a socket of its own at the server."""

    def __init__(self, choice: Choice) -> None:
        self._choice = choice
        self._closed = False
        self._open: set[socket.socket] = set()

    def facts(self) -> dict[str, Any]:
        """See `Link.facts`."""
        one = self._choice.phone()
        serial = one.serial
        port = {"link_port": handle(one, [one, one])} if one.transport else {}  # another phone has this serial too
        features = " ".join(sorted(self._choice.features()))
        way = "TCP" if ":" in serial or serial.endswith("._tcp") else "USB"  # the latter: paired, found by mDNS
        return {"link": f"adb over {way} (adb server {server.server_version()})", "link_adb_features": features, **port}

    def execute(
        self,
        command: str,
        *,
        timeout_s: float,
        stall_s: float | None = None,
        feed: Iterable[bytes] | None = None,
        on_stdout: Callable[[bytes], None] | None = None,
    ) -> Answer:
        """See `Link.execute`. When the stream is closed early, the phone's daemon sends SIGHUP to the shell."""
        if self._closed:
            raise DeviceUnreachableError(f"{self._choice.name}: the link was closed")
        service = shell_service(command, MOST_COMMAND_BYTES)
        with self._choice.transport() as connected:
            self._open.add(connected)
            try:
                with server.answering():
                    server.demand(connected, service)
                answer = Shell(SocketStream(connected), self._choice.name, feed, on_stdout).run(timeout_s, stall_s)
            except server.RefusedError as problem:
                raise self._choice.trouble(str(problem)) from problem
            finally:
                self._open.discard(connected)
        if answer is None:
            raise self._gone()
        return answer

    def close(self) -> None:
        """See `Link.close`."""
        self._closed = True
        for connected in list(self._open):
            with suppress(OSError):
                connected.shutdown(socket.SHUT_RDWR)

    def _gone(self) -> DeviceUnreachableError:
        """Say who left: the server, or the phone."""
        if self._closed:
            return DeviceUnreachableError(f"{self._choice.name}: the link was closed")
        try:
            state = self._choice.state()
        except server.NoServerError:
            return server.server_lost(ConnectionError("it ended"))
        return ended_early(self._choice.name) if state == "device" else self._choice.trouble(state)
