"""An adb server that lists phones as it is told, and says of each request what a real one would."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from lab.devices.adb import server


class Lister:
    """`requests` is what it was asked. It gets as far as the transport: no phone is behind it."""

    def __init__(self, lines: str, listener: socket.socket) -> None:
        self.lines = lines
        self.requests: list[str] = []
        self._listener = listener

    def serve(self) -> None:
        """Answer until the listener is closed."""
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                with connection, suppress(OSError):
                    connection.settimeout(10)
                    request = server.exactly(connection, int(server.exactly(connection, 4), 16)).decode()
                    self.requests.append(request)
                    connection.sendall(self._answer(request))

    def _answer(self, request: str) -> bytes:
        if request == "host:devices-l":
            return _text(b"OKAY", self.lines)
        if request == "host:version":
            return _text(b"OKAY", "0029")
        kind, _, rest = request.replace("host:transport", "host-transport").partition(":")
        name = rest.removesuffix(":features")
        marks = f" transport_id:{name}" if kind == "host-transport-id" else f"{name} "
        fitting = [
            line for line in self.lines.splitlines() if (line + " ").startswith(marks) or f"{marks} " in line + " "
        ]
        if len(fitting) != 1:
            why = f"device '{name}' not found" if not fitting else "more than one device"
            return _text(b"FAIL", why)
        if " offline " in fitting[0]:
            return _text(b"FAIL", "device offline")
        return _text(b"OKAY", "shell_v2,cmd") if request.endswith(":features") else b"OKAY"


def _text(word: bytes, text: str) -> bytes:
    data = text.encode()
    return word + b"%04x" % len(data) + data


@contextmanager
def listing(lines: str, listener: socket.socket | None = None) -> Iterator[Lister]:
    """A server with these lines of host:devices-l, on a port (or socket) of its own; `address` is where."""
    with listener or socket.create_server(("127.0.0.1", 0)) as place:
        lister = Lister(lines, place)
        thread = threading.Thread(target=lister.serve)
        thread.start()
        yield lister
        with suppress(OSError):
            place.shutdown(socket.SHUT_RDWR)
    thread.join()
