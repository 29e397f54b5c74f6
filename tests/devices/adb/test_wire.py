"""Bytes whole, however few a socket or a cable takes at a time."""

from __future__ import annotations

import socket
import struct

import pytest

from lab.devices.adb.usb import UsbWire
from lab.devices.adb.wire import (
    HEAD_BYTES,
    STLS,
    WRTE,
    NotAdbError,
    Packet,
    TcpWire,
    parse_head,
    receive_packet,
    send_packet,
)


class Grudging:
    """A socket, or a USB transport, that takes and gives a few bytes at a time."""

    def __init__(self, to_read: bytes = b"") -> None:
        self.sent = b""
        self.to_read = to_read

    def setsockopt(self, *what: int) -> None: ...

    def send(self, data: bytes) -> int:
        self.sent += bytes(data[:7])
        return min(len(data), 7)

    def recv_into(self, view: memoryview) -> int:
        part, self.to_read = self.to_read[: min(5, len(view))], self.to_read[min(5, len(view)) :]
        view[: len(part)] = part
        return len(part)

    def bulk_write(self, data: bytes, timeout_s: float) -> int:
        return self.send(data)


def test_short_writes_lose_nothing_and_each_counts_as_a_move() -> None:
    there = Grudging()
    moves: list[None] = []
    send_packet(TcpWire(there), Packet(WRTE, 1, 2, b"x" * 1000), checked=False, moved=lambda: moves.append(None))  # type: ignore[arg-type]
    assert len(there.sent) == HEAD_BYTES + 1000
    assert len(moves) == -(-(HEAD_BYTES + 1000) // 7)


def test_short_writes_over_usb_lose_nothing() -> None:
    there = Grudging()
    UsbWire(there).write(b"x" * 100, lambda: None)
    assert there.sent == b"x" * 100


@pytest.mark.parametrize("checked", [True, False])
def test_a_message_comes_back_as_it_was(checked: bool) -> None:
    packet = Packet(WRTE, 1, 0xFFFFFFFF, bytes(range(256)))
    assert receive_packet(TcpWire(Grudging(packet.head(checked) + packet.data))) == packet  # type: ignore[arg-type]


def test_an_end_in_the_middle_is_an_error() -> None:
    head = Packet(WRTE, 1, 2, b"1234567890").head(True)
    with pytest.raises(ConnectionResetError):
        receive_packet(TcpWire(Grudging(head + b"123")))  # type: ignore[arg-type]


def test_small_messages_go_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        connected = socket.create_connection(listener.getsockname())
        TcpWire(connected)
        assert connected.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        connected.close()


@pytest.mark.parametrize(
    "head", [bytes(24), struct.pack("<6I", 1, 0, 0, 0, 0, 1), struct.pack("<6I", 0, 0, 0, (1 << 20) + 1, 0, 0xFFFFFFFF)]
)
def test_a_head_that_is_none_or_too_large_is_refused(head: bytes) -> None:
    with pytest.raises(NotAdbError):
        parse_head(head)


@pytest.mark.parametrize(("checked", "total"), [(True, 0x1FE + 1), (False, 0)])
def test_a_head_is_six_words_with_the_checksum_that_the_daemon_asked_for(checked: bool, total: int) -> None:
    packet = Packet(WRTE, 7, 0xFFFFFFFF, b"\xff\xff\x01")
    head = packet.head(checked)
    assert head == struct.pack("<4s5I", b"WRTE", 7, 0xFFFFFFFF, 3, total, 0xFFFFFFFF ^ 0x45545257)
    assert parse_head(head) == (Packet(WRTE, 7, 0xFFFFFFFF), 3)


def test_a_command_that_adb_shell_does_not_know_is_read() -> None:
    head = struct.pack("<4s5I", b"STLS", 0x01000000, 0, 0, 0, 0xFFFFFFFF ^ int.from_bytes(b"STLS", "little"))
    assert parse_head(head) == (Packet(STLS, 0x01000000, 0), 0)
