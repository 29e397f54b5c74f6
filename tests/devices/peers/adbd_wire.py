"""The bytes of adb as its daemon sees them; written apart from lab's, so that a mistake is not made twice."""

from __future__ import annotations

import base64
import socket
import struct
import threading
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

HEAD = struct.Struct("<4s5I")


@dataclass(frozen=True)
class Message:
    command: bytes
    arg0: int
    arg1: int
    data: bytes = b""


class Line:
    """One client's connection. Several threads may send; one receives. `sent_limit` cuts it after so many bytes."""

    def __init__(self, connected: socket.socket, received_limit: int | None) -> None:
        self.socket = connected
        self.left = threading.Event()  # set when the connection is over
        self.checked = True  # until both ends turn out to be new enough
        self._left = received_limit
        self._lock = threading.Lock()

    def send(self, message: Message) -> None:
        magic = bytes(byte ^ 0xFF for byte in message.command)
        total = sum(message.data) & 0xFFFFFFFF if self.checked else 0
        head = HEAD.pack(message.command, message.arg0, message.arg1, len(message.data), total, int_of(magic))
        with self._lock:
            self.socket.sendall(head + message.data)

    def receive(self) -> Message:
        command, arg0, arg1, size, total, magic = HEAD.unpack(self._exactly(HEAD.size))
        assert int_of(command) ^ magic == 0xFFFFFFFF, "a head that is none"
        data = self._exactly(size)
        assert not self.checked or sum(data) & 0xFFFFFFFF == total, "a wrong checksum"
        return Message(command, arg0, arg1, data)

    def _exactly(self, size: int) -> bytes:
        data = bytearray()
        while len(data) < size:
            if self._left is not None and self._left <= 0:
                raise ConnectionAbortedError("cut, as the test wants")
            chunk = self.socket.recv(min(size - len(data), 1 << 16))
            if not chunk:
                raise ConnectionResetError("the client left")
            if self._left is not None:
                self._left -= len(chunk)
            data += chunk
        return bytes(data)


def int_of(data: bytes) -> int:
    return int.from_bytes(data, "little")


def public_key(text: bytes) -> rsa.RSAPublicKey:
    """The key in a line of adb_keys, whose modulus and exponent lie at fixed places."""
    packed = base64.b64decode(text.split(b" ")[0].rstrip(b"\0"))
    assert int_of(packed[:4]) == 64, "not 64 words"
    return rsa.RSAPublicNumbers(int_of(packed[520:524]), int_of(packed[8:264])).public_key()


def signed_by(key: rsa.RSAPublicKey, signature: bytes, token: bytes) -> bool:
    try:
        key.verify(signature, token, padding.PKCS1v15(), Prehashed(hashes.SHA1()))
    except InvalidSignature:
        return False
    return True
