"""Whether a server of the guest answers. A connection alone says nothing: QEMU accepts it before the guest is there."""

from __future__ import annotations

import socket
import struct

ANSWER_S = 1.0
HOST = "127.0.0.1"
ADB_VERSION = 0x01000001
ADB_MAX_DATA = 1 << 20
ADB_BANNER = b"host::\0"
ADB_ANSWERS = (b"CNXN", b"AUTH", b"STLS")


def free_port() -> int:
    """Return a port of the loopback that nobody listens on just now."""
    with socket.socket() as found:
        found.bind((HOST, 0))
        return int(found.getsockname()[1])


def ssh_answers(port: int) -> bool:
    """Whether an SSH server greets on `port`."""
    return _first_bytes(port, b"", 4) == b"SSH-"


def adb_answers(port: int) -> bool:
    """Whether an adbd answers on `port`, be it by asking for a key."""
    return _first_bytes(port, _adb_greeting(), 4) in ADB_ANSWERS


def _adb_greeting() -> bytes:
    word = int.from_bytes(b"CNXN", "little")
    header = (word, ADB_VERSION, ADB_MAX_DATA, len(ADB_BANNER), sum(ADB_BANNER), word ^ 0xFFFFFFFF)
    return struct.pack("<6I", *header) + ADB_BANNER


def _first_bytes(port: int, greeting: bytes, size: int) -> bytes:
    try:
        with socket.create_connection((HOST, port), ANSWER_S) as connection:
            connection.sendall(greeting)
            return connection.recv(size, socket.MSG_WAITALL)
    except OSError:
        return b""
