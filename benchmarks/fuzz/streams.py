"""Readers of what devices say: the runner's events, adb."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from benchmarks.fuzz.targets import Target, document, raw

EVENTS: list[dict[str, Any]] = [
    {"event": "start", "runner": "1", "t_ns": 1, "argv": ["x"]},
    {"event": "error", "where": "load", "message": "m"},
    {"event": "end", "status": "ok", "t_ns": 5},
    {"event": "token", "index": 0, "t_ns": 3, "id": 1},
    {"event": "memory", "counters": {"VmHWM": 1, "VmSwap": 0}, "samples": [[1, 2]]},
]
PROGRESS = ({"phase": "x", "total": 1.0, "unit": "B"}, {"note": "x"}, {"advance": 1})
ADB = (
    b"CNXN" + (1).to_bytes(4, "little") * 2 + (9).to_bytes(4, "little") + bytes(4) + b"\xbc\xb1\xa7\xb1device::x",
    b"AUTH" + (1).to_bytes(4, "little") + bytes(4) + b"\x14" + bytes(7) + b"\xbe\xaa\xab\xb7" + bytes(20),
    b"OKAY0008abcdefgh",
    b"FAIL0004nope",
    b"OKAY002aSERIAL  device model:Pixel_8 transport_id:1",
)
SHELL = (b"\x01\x05\x00\x00\x00hello\x02\x03\x00\x00\x00err\x03\x01\x00\x00\x00\x00",)


def targets() -> list[Target]:
    """Return every reader of streams."""
    return [*_runner(), *_adb()]


def _lines(read: Callable[[list[str]], object]) -> Callable[[Path, bytes], object]:
    return lambda folder, data: read(data.decode("utf-8", "replace").splitlines())


def _runner() -> list[Target]:
    from lab.cli.fleet.member import Member
    from lab.measure.llama.output import read_output
    from lab.ondevice.run_log import read_run

    def heard(lines: list[str]) -> None:
        for line in lines:
            Member("x").hear(line)

    whole = "\n".join(json.dumps(one) for one in EVENTS).encode()
    return [
        Target("runner event", document(*EVENTS), _lines(read_run)),
        Target("runner stream", raw(whole), _lines(read_run)),
        Target("llama-bench line", document({"n_prompt": 1, "avg_ts": 1.0}, {"watched": {}}), _lines(read_output)),
        Target("progress of a target", document(*PROGRESS), _lines(heard)),
    ]


class _Key:
    """A key that signs everything alike."""

    def sign(self, token: bytes) -> bytes:
        return token

    def public(self) -> bytes:
        return b"key"


def _keys() -> Any:
    return [_Key()]


class _Once:
    """A stream of a shell that gives what it has, and ends."""

    moved, most_bytes = 0.0, 1 << 16

    def __init__(self, data: bytes) -> None:
        self._left = [data[i : i + 7] for i in range(0, len(data), 7)]

    def ready(self) -> bool:
        return True

    def send(self, data: bytes) -> None:
        pass

    def receive(self, timeout_s: float) -> bytes | None:
        return self._left.pop(0) if self._left else None

    def close(self) -> None:
        pass


def _adb() -> list[Target]:
    from lab.devices.adb import server
    from lab.devices.adb.handshake import Greeter
    from lab.devices.adb.listing import phones
    from lab.devices.adb.packets import NotAdbError
    from lab.devices.adb.shell import Shell
    from lab.devices.adb.wire import TcpWire, receive_packet

    def answered(call: Callable[[socket.socket], object]) -> Callable[[Path, bytes], object]:
        def read(folder: Path, data: bytes) -> object:
            with socket.create_server(("127.0.0.1", 0)) as server:
                theirs = socket.create_connection(server.getsockname())
                ours, _ = server.accept()
            with ours, theirs:
                theirs.sendall(data[: 1 << 16])
                theirs.shutdown(socket.SHUT_WR)
                return call(ours)

        return read

    def asked(connection: socket.socket) -> None:
        with server.answering():
            server.demand(connection, "host:devices-l")
            phones(server._text(connection))

    def packets(connection: socket.socket) -> None:
        with suppress(NotAdbError, OSError):  # which end the connection
            while True:
                receive_packet(TcpWire(connection))

    greeter = Greeter(keys=_keys, answer_s=0.2, allow_s=0.2)
    return [
        Target("adb greeting", raw(*ADB[:2]), answered(lambda own: greeter.greet(TcpWire(own), "phone"))),
        Target("adb packets", raw(ADB[0] + ADB[1] + ADB[0]), answered(packets)),
        Target("adb server", raw(*ADB[2:]), answered(asked)),
        Target("adb shell", raw(*SHELL), lambda folder, data: Shell(_Once(data), "x", None, None).run(1.0, None)),
    ]
