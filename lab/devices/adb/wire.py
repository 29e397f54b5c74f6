"""Bytes to and from a phone's adb daemon, whole: over TCP here, over USB in usb.py."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from lab.devices.adb.packets import HEAD, Packet, parse_head

SLICE_BYTES = 64 << 10  # after as much as this was taken, something has moved

# A phone that left without a word is noticed within two minutes, even while a long command says nothing.
KEEPALIVE = {"TCP_KEEPIDLE": 60, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 6}

Moved = Callable[[], None]


class Wire(Protocol):
    """A byte pipe with a packet's bounds. One thread sends, another receives; `close` wakes both up."""

    name: str
    port: str  # where the phone is plugged in, if another one there has its serial; else ""

    def parts(self, head: bytes, data: bytes) -> list[bytes]:
        """Return the writes that a message takes."""

    def write(self, data: bytes, moved: Moved) -> None:
        """Send all of `data`, calling `moved` whenever a part of it was taken; OSError when the pipe broke."""

    def read(self, size_bytes: int) -> bytes:
        """Return exactly so many bytes, however long they take; OSError when the pipe broke or ended."""

    def patience(self, seconds: float | None) -> None:
        """Let reading and writing fail (TimeoutError) when nothing moves for so long; None: wait for ever."""

    def close(self) -> None:
        """Let go of it."""


class TcpWire:
    """A socket. What adb-shell's own lacks: whole writes, no wait for small packets, an end that is an error."""

    name = "TCP"
    port = ""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in KEEPALIVE.items():
            if hasattr(socket, name):
                connected.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)

    def parts(self, head: bytes, data: bytes) -> list[bytes]:
        """One write is one wake-up less for the daemon, and no more than a copy."""
        return [head + data]

    def write(self, data: bytes, moved: Moved) -> None:
        """See `Wire.write`; in slices, since a blocking socket tells nothing before it took all."""
        view = memoryview(data)
        while view:
            view = view[self._socket.send(view[:SLICE_BYTES]) :]
            moved()

    def read(self, size_bytes: int) -> bytes:
        """See `Wire.read`."""
        data = bytearray(size_bytes)
        view = memoryview(data)
        while view:
            got = self._socket.recv_into(view)
            if not got:
                raise ConnectionResetError("the device closed the connection")
            view = view[got:]
        return bytes(data)

    def patience(self, seconds: float | None) -> None:
        """See `Wire.patience`."""
        self._socket.settimeout(seconds)

    def close(self) -> None:
        """Shut both ways, which wakes up whoever waits for either."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


def dial(host: str, port: int, timeout_s: float) -> TcpWire:
    """Connect to a daemon that listens; OSError when it does not within `timeout_s` seconds."""
    return TcpWire(socket.create_connection((host, port), timeout_s))


def send_packet(wire: Wire, packet: Packet, *, checked: bool, moved: Moved = lambda: None) -> None:
    """Send one message."""
    for part in wire.parts(packet.head(checked), packet.data):
        wire.write(part, moved)


def receive_packet(wire: Wire) -> Packet:
    """Return the next message; OSError when there is none to come, NotAdbError when it is something else."""
    packet, size_bytes = parse_head(wire.read(HEAD.size))
    data = wire.read(size_bytes) if size_bytes else b""
    return Packet(packet.command, packet.arg0, packet.arg1, data)
