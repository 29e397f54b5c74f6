"""Readers of what devices say: the runner's events, adb."""

from __future__ import annotations

import json
import random
import socket
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.fuzz import mutate
from benchmarks.fuzz.said import ADB, EVENTS, FALLEN, IK_ROW, PROGRESS, ROW, SHELL, WATCHED
from benchmarks.fuzz.targets import Target, document, raw


def targets() -> list[Target]:
    """Return every reader of streams."""
    return [*_runner(), *_adb()]


def _lines(read: Callable[[list[str]], object]) -> Callable[[Path, bytes], object]:
    return lambda folder, data: read(data.decode("utf-8", "replace").splitlines())


def _joined(found: list[Any]) -> bytes:
    return "\n".join(json.dumps(one) for one in found).encode()


def _events(*streams: list[Any]) -> Callable[[random.Random], bytes]:
    return lambda rng: _joined(mutate.of_json(rng, rng.choice(streams)))


def _runner() -> list[Target]:
    from lab.jobs.fleet.member import Member
    from lab.measure.llama.output import read_output
    from lab.measure.llama.peers import IK_LLAMA, LLAMA_CPP
    from lab.ondevice.run_log import read_run

    def heard(lines: list[str]) -> None:
        for line in lines:
            Member("x").hear(line)

    whole = _joined(EVENTS)
    return [
        Target(
            "runner events", lambda rng: _joined(mutate.of_json(rng, rng.choice((EVENTS, FALLEN)))), _lines(read_run)
        ),
        Target("runner stream", raw(whole), _lines(read_run)),
        Target("llama-bench lines", _events([ROW, ROW, WATCHED]), _lines(partial(read_output, LLAMA_CPP))),
        Target("llama-bench array", _events([[ROW, IK_ROW], WATCHED]), _lines(partial(read_output, IK_LLAMA))),
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
    from lab.devices.adb.shell import Shell
    from lab.devices.adb.wire import NotAdbError, TcpWire, receive_packet

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
