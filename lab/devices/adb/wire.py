"""Bytes to and from a phone's adb daemon, whole: over TCP here, over USB in usb.py; one message of adb on it.

A message is a head of six little-endian words, and at most as much payload as both ends agreed on. adb-shell packs and
reads them; docs/decisions/0018-adb.md says what of it is not used, and why.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from adb_shell import constants
from adb_shell.adb_message import AdbMessage, unpack

HEAD_BYTES: int = constants.MESSAGE_SIZE
VERSION = constants.VERSION + 1  # from this one on, which adb-shell does not speak, payloads carry no checksum
MAX_PAYLOAD_BYTES: int = constants.MAX_ADB_DATA

CNXN: bytes = constants.CNXN
AUTH: bytes = constants.AUTH
OPEN: bytes = constants.OPEN
OKAY: bytes = constants.OKAY
WRTE: bytes = constants.WRTE
CLSE: bytes = constants.CLSE
STLS = b"STLS"  # "speak TLS": phones whose wireless debugging was paired (Android 11 and newer). adb-shell knows it not

AUTH_TOKEN: int = constants.AUTH_TOKEN
AUTH_SIGNATURE: int = constants.AUTH_SIGNATURE
AUTH_PUBLIC_KEY: int = constants.AUTH_RSAPUBLICKEY


class _Unsummed(AdbMessage):  # type: ignore[misc]  # adb-shell has no types
    """A message to a daemon that wants no checksum: to sum each payload would cost more than to send it."""

    checksum = 0


class NotAdbError(Exception):
    """What came is no adb message."""


@dataclass(frozen=True)
class Packet:
    """One message; what the two arguments mean depends on the command."""

    command: bytes
    arg0: int
    arg1: int
    data: bytes = b""

    def head(self, checked: bool) -> bytes:
        """Return the head on the wire; the checksum of the payload is left out unless `checked`."""
        kind = AdbMessage if checked else _Unsummed
        head: bytes = kind(self.command, self.arg0, self.arg1, self.data).pack()
        return head


def parse_head(head: bytes) -> tuple[Packet, int]:
    """Return the message without its payload, and the size of that in bytes; NotAdbError for anything else.

    adb-shell does not look at the last word, by which a daemon of adb is told from anything else that listens.
    """
    command, arg0, arg1, size_bytes, _ = unpack(head)
    magic = int.from_bytes(head[-4:], "little")
    if command ^ magic != 0xFFFFFFFF or size_bytes > MAX_PAYLOAD_BYTES:
        raise NotAdbError("what answers does not speak adb")
    return Packet(command.to_bytes(4, "little"), arg0, arg1), size_bytes


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
    packet, size_bytes = parse_head(wire.read(HEAD_BYTES))
    data = wire.read(size_bytes) if size_bytes else b""
    return Packet(packet.command, packet.arg0, packet.arg1, data)
