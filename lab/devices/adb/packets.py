"""One adb message: a head of six little-endian words, and at most as much payload as both ends agreed on."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from adb_shell import constants
from adb_shell.adb_message import checksum

HEAD = struct.Struct(constants.MESSAGE_FORMAT)
VERSION = 0x01000001  # from here on payloads carry no checksum
MAX_PAYLOAD_BYTES: int = constants.MAX_ADB_DATA

CNXN: bytes = constants.CNXN
AUTH: bytes = constants.AUTH
OPEN: bytes = constants.OPEN
OKAY: bytes = constants.OKAY
WRTE: bytes = constants.WRTE
CLSE: bytes = constants.CLSE
STLS = b"STLS"  # "speak TLS": phones whose wireless debugging was paired (Android 11 and newer)

AUTH_TOKEN: int = constants.AUTH_TOKEN
AUTH_SIGNATURE: int = constants.AUTH_SIGNATURE
AUTH_PUBLIC_KEY: int = constants.AUTH_RSAPUBLICKEY


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
        command = int.from_bytes(self.command, "little")
        total = checksum(self.data) if checked else 0
        return HEAD.pack(command, self.arg0, self.arg1, len(self.data), total, command ^ 0xFFFFFFFF)


def parse_head(head: bytes) -> tuple[Packet, int]:
    """Return the message without its payload, and the size of that in bytes; NotAdbError for anything else."""
    command, arg0, arg1, size_bytes, _, magic = HEAD.unpack(head)
    if command ^ magic != 0xFFFFFFFF or size_bytes > MAX_PAYLOAD_BYTES:
        raise NotAdbError("what answers does not speak adb")
    return Packet(command.to_bytes(4, "little"), arg0, arg1), size_bytes
