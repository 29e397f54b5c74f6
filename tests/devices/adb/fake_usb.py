"""adb-shell's USB transport, as far as lab uses it, with a socket for a cable. It holds lab to USB's transfers."""

from __future__ import annotations

import select
import socket
from typing import Any

HEAD_BYTES = 24


class USBErrorTimeout(Exception):  # noqa: N818 - libusb's name, by which it is known
    """Nothing came in time."""


class UsbFailedError(Exception):
    def __init__(self, usb_error: Exception) -> None:
        super().__init__(str(usb_error))
        self.usb_error = usb_error


class FakeUsb:
    def __init__(self, port: int, serial: str, port_path: tuple[int, ...] = ()) -> None:
        self.serial_number = serial
        self.port_path = port_path
        self._port = port
        self._socket: Any = None
        self._payload_due = 0  # a head was sent, and this is what has to come next, as one transfer

    def connect(self, timeout_s: float) -> None:
        self._socket = socket.create_connection(("127.0.0.1", self._port), timeout_s)

    def bulk_write(self, data: bytes, timeout_s: float) -> int:
        assert len(data) == (self._payload_due or HEAD_BYTES), "a transfer that the daemon does not expect"
        self._payload_due = 0 if self._payload_due else int.from_bytes(data[12:16], "little")
        self._socket.sendall(data)
        return len(data)

    def bulk_read(self, size_bytes: int, timeout_s: float) -> bytes:
        if not select.select([self._socket], [], [], timeout_s)[0]:
            raise UsbFailedError(USBErrorTimeout("timeout"))
        data: bytes = self._socket.recv(size_bytes)
        if not data:
            raise UsbFailedError(OSError("no device"))
        return data

    def close(self) -> None:
        self._socket.close()
