"""A small adb daemon for tests: what adbd does for shell commands, and the ways in which it may fail.

It is checked against the adb program too (tests/devices/adb/test_peer.py), so that it is a faithful peer.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.devices.peers.adbd_shell import Shell
from tests.devices.peers.adbd_wire import Line, Message, public_key, signed_by

MAX_PAYLOAD = 1 << 20
NO_CHECKSUM = 0x01000001


@dataclass
class Faults:
    """What goes wrong; a test may change it while the daemon runs.

    secure: a key is needed; refuse_keys: the known ones are not taken; wants_tls: as a paired phone does.
    silent: no word after the client's first. offline: no service is given. dead: a command is never started.
    deaf: input is never acknowledged. frozen: nothing is read any more.
    cut_after_bytes: received so many, the connection is lost. buffer_bytes: tiny buffers, so short writes.
    """

    secure: bool = False
    refuse_keys: bool = False
    silent: bool = False
    offline: bool = False
    deaf: bool = False
    dead: bool = False
    frozen: bool = False
    wants_tls: bool = False
    cut_after_bytes: int | None = None
    buffer_bytes: int | None = None
    features: str = "shell_v2,cmd"
    version: int = NO_CHECKSUM
    max_payload: int = MAX_PAYLOAD


@dataclass
class Adbd:
    """The daemon: commands run in `folder`. `keys` are lines of adb_keys; `asked` the public keys that were shown."""

    folder: Path
    faults: Faults = field(default_factory=Faults)
    keys: list[bytes] = field(default_factory=list)
    asked: list[bytes] = field(default_factory=list)
    allow: threading.Event = field(default_factory=threading.Event)
    connections: int = 0
    port: int = 0
    lines: list[Line] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def cut(self) -> None:
        """Lose every connection, as Wi-Fi does."""
        for line in self.lines:
            line.left.set()
            with suppress(OSError):
                line.socket.shutdown(socket.SHUT_RDWR)

    def serve(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                connected, _ = listener.accept()
                connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.connections += 1
                line = Line(connected, self.faults.cut_after_bytes)
                self.lines.append(line)
                threading.Thread(target=Client(self, line).serve, daemon=True).start()


@contextmanager
def adbd(folder: Path, *, faults: Faults | None = None, keys: Sequence[bytes] = ()) -> Iterator[Adbd]:
    """Run a daemon on a free port of this machine."""
    daemon = Adbd(folder, faults or Faults(), list(keys))
    with _listener(daemon.faults) as listener:
        daemon.port = listener.getsockname()[1]
        threading.Thread(target=daemon.serve, args=(listener,), daemon=True).start()
        yield daemon
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
    daemon.cut()


def _listener(faults: Faults) -> socket.socket:
    listener = socket.socket()
    if faults.buffer_bytes is not None:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, faults.buffer_bytes)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, faults.buffer_bytes)
    listener.bind(("127.0.0.1", _free_port()))
    listener.listen()
    return listener


def _free_port() -> int:
    """A port that the adb server does not take for an emulator's (5554 to 5585)."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        if not 5554 <= port <= 5585:
            return port


class Client:
    """One connection of a client."""

    def __init__(self, daemon: Adbd, line: Line) -> None:
        self._daemon, self._line = daemon, line
        self._shells: dict[int, Shell] = {}
        self._theirs: dict[int, int] = {}
        self._credit: dict[int, threading.Semaphore] = {}
        self._ids = iter(range(1, 1 << 30))

    def serve(self) -> None:
        with suppress(OSError), self._line.socket:
            self._greet()
            while True:
                self._take(self._line.receive())
                if self._daemon.faults.frozen:
                    self._line.left.wait()
        self._line.left.set()
        for shell in list(self._shells.values()):
            shell.hang_up()
        for credit in self._credit.values():
            credit.release()

    def _greet(self) -> None:
        hello = self._line.receive()
        assert hello.command == b"CNXN"
        faults = self._daemon.faults
        while faults.silent:
            self._line.receive()
        if faults.wants_tls:
            return self._line.send(Message(b"STLS", 0x01000000, 0))
        if faults.secure:
            self._authenticate()
        banner = f"device::ro.product.name=peer;ro.product.model=Peer;ro.product.device=peer;features={faults.features}"
        self._line.send(Message(b"CNXN", faults.version, faults.max_payload, banner.encode()))
        self._line.checked = min(hello.arg0, faults.version) < NO_CHECKSUM

    def _authenticate(self) -> None:
        while True:
            token = os.urandom(20)
            self._line.send(Message(b"AUTH", 1, 0, token))
            answer = self._line.receive()
            if answer.arg0 == 3:
                return self._ask_the_person(answer.data)
            if not self._daemon.faults.refuse_keys and self._known(answer.data, token):
                return

    def _known(self, signature: bytes, token: bytes) -> bool:
        return any(signed_by(public_key(key), signature, token) for key in self._daemon.keys)

    def _ask_the_person(self, key: bytes) -> None:
        """Show the key; nothing is said until the test taps "Allow"."""
        self._daemon.asked.append(key)
        self._daemon.allow.wait()
        self._daemon.keys.append(key)

    def _take(self, message: Message) -> None:
        # The client's id comes first, ours second.
        ours = message.arg1
        if message.command == b"OPEN":
            self._open(message.arg0, message.data.rstrip(b"\0").decode())
        elif message.command == b"OKAY" and ours in self._credit:
            self._credit[ours].release()
        elif message.command == b"WRTE" and ours in self._shells:
            okay = Message(b"OKAY", ours, message.arg0)
            if not self._daemon.faults.deaf:
                self._shells[ours].take(message.data, lambda: self._say(okay))
        elif message.command == b"CLSE" and ours in self._shells:
            self._shells.pop(ours).hang_up()
            self._credit[ours].release()

    def _open(self, theirs: int, service: str) -> None:
        words, _, command = service.partition(":")
        kind, *args = words.split(",")
        if self._daemon.faults.offline or kind != "shell" or "v2" not in args:
            return self._line.send(Message(b"CLSE", 0, theirs))
        ours = next(self._ids)
        self._theirs[ours], self._credit[ours] = theirs, threading.Semaphore(0)
        self._line.send(Message(b"OKAY", ours, theirs))
        if not self._daemon.faults.dead:
            shell = Shell(command, self._daemon.folder, _Writer(self, ours).write, lambda: self._end(ours))
            self._shells[ours] = shell
            shell.start()

    @property
    def most(self) -> int:
        """The largest payload, in bytes."""
        return min(self._daemon.faults.max_payload, MAX_PAYLOAD)

    def write(self, ours: int, data: bytes) -> None:
        """Send one message and wait until the client took it."""
        self._line.send(Message(b"WRTE", ours, self._theirs[ours], data))
        self._credit[ours].acquire()
        if ours not in self._shells:
            raise ConnectionAbortedError("the client closed the stream")

    def _end(self, ours: int) -> None:
        self._shells.pop(ours, None)
        self._say(Message(b"CLSE", ours, self._theirs[ours]))

    def _say(self, message: Message) -> None:
        with suppress(OSError):
            self._line.send(message)


class _Writer:
    """Lets the two outputs of a command take turns: a stream has one message on its way."""

    def __init__(self, client: Client, ours: int) -> None:
        self._client, self._ours, self._lock = client, ours, threading.Lock()

    def write(self, data: bytes) -> None:
        with self._lock:
            size = self._client.most
            for start in range(0, len(data), size):
                self._client.write(self._ours, data[start : start + size])
