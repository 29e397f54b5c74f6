"""The link that speaks to the phone's adb daemon itself: over TCP or USB, with nothing of adb installed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from importlib.metadata import version
from typing import Any

from lab.core.errors import DeviceError, DeviceUnreachableError
from lab.devices.adb.connection import LOST_HINT, Connection
from lab.devices.adb.handshake import Greeter
from lab.devices.adb.shell import Shell
from lab.devices.adb.wire import Wire
from lab.devices.link import Answer


class DirectLink:
    """A connection that is made when it is first needed, and again after it was lost."""

    def __init__(self, name: str, open_wire: Callable[[], Wire], greeter: Greeter) -> None:
        self._name = name
        self._open_wire = open_wire
        self._greeter = greeter
        self._lock = threading.Lock()
        self._connection: Connection | None = None
        self._way = self._port = ""
        self._closed = False

    def facts(self) -> dict[str, Any]:
        """See `Link.facts`."""
        features = " ".join(self._connected().banner.features)
        port = {"link_port": self._port} if self._port else {}
        link = f"adb over {self._way} (adb-shell {version('adb-shell')})"
        return {"link": link, "link_adb_features": features, **port}

    def execute(
        self,
        command: str,
        *,
        timeout_s: float,
        stall_s: float | None = None,
        feed: Iterable[bytes] | None = None,
        on_stdout: Callable[[bytes], None] | None = None,
    ) -> Answer:
        """See `Link.execute`. When the stream is closed early, the daemon sends SIGHUP to the shell."""
        connection = self._connected()
        service = shell_service(command, connection.banner.max_payload_bytes)
        stream = connection.open(service)
        try:
            answer = Shell(stream, self._name, feed, on_stdout).run(timeout_s, stall_s)
        finally:
            stream.close()
        if answer is None:
            raise ended_early(self._name)
        return answer

    def close(self) -> None:
        """See `Link.close`."""
        with self._lock:
            self._closed = True
            if self._connection:
                self._connection.close()

    def _connected(self) -> Connection:
        with self._lock:
            if self._closed:
                raise DeviceUnreachableError(f"{self._name}: the link was closed")
            if self._connection is None or not self._connection.usable():
                self._connection = self._connect()
            return self._connection

    def _connect(self) -> Connection:
        wire = self._open_wire()
        try:
            banner = self._greeter.greet(wire, self._name)
        except BaseException:
            wire.close()
            raise
        self._way, self._port = wire.name, wire.port
        return Connection(wire, banner, self._name)


def shell_service(command: str, most_bytes: int) -> str:
    """Return the name of the service that runs `command`; DeviceError for what no daemon would take."""
    service = f"shell,v2,raw:{command}"
    if "\0" in command or len(service.encode()) >= most_bytes:
        raise DeviceError("a command line for adb holds a zero byte or is too long")
    return service


def ended_early(name: str) -> DeviceUnreachableError:
    """The error for a command whose exit code never came."""
    what = f"{name}: its adb daemon ended the command and told no exit code"
    return DeviceUnreachableError(what, hint=LOST_HINT)
