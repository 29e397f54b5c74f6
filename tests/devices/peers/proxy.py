"""A TCP proxy that does to a connection what bad lines do: put it before any server.

"up" is from the client to the server, "down" the other way. Positions count the bytes of that direction, over all
connections, since the proxy started.
"""

from __future__ import annotations

import select
import socket
import struct
import threading
import time
from contextlib import suppress
from types import TracebackType
from typing import Literal

Direction = Literal["up", "down"]
CHUNK_BYTES = 1 << 16
POLL_S = 0.1
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: closed by a reset, as by a machine that lost its memory


class _CutError(Exception):
    """The pair of sockets is to be closed now."""


class Proxy:
    """Listens on loopback at `port` and forwards to `target`; a context manager.

    `rate_bytes_per_s` and `delay_s` may be set at any time: the rate of each direction of each connection, and the
    time that each piece waits before it goes on.
    """

    def __init__(self, target: tuple[str, int]) -> None:
        self.target = target
        self.rate_bytes_per_s: float | None = None
        self.delay_s = 0.0
        self.accepted = 0
        self.passed: dict[Direction, int] = {"up": 0, "down": 0}
        self._cut_at: dict[Direction, int | None] = {"up": None, "down": None}
        self._corrupt_at: dict[Direction, int | None] = {"up": None, "down": None}
        self._corrupt_step: dict[Direction, int | None] = {"up": None, "down": None}
        self._hole_at: dict[Direction, int | None] = {"up": None, "down": None}
        self._changed = threading.Condition()
        self._hole = False
        self._closed = False
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._threads: list[threading.Thread] = []
        self._listener = self._listen(0)
        self.host, self.port = self._listener.getsockname()[:2]

    def cut(self) -> None:
        """Close every connection now, by a reset."""
        with self._changed:
            pairs, self._pairs = self._pairs, []
            self._changed.notify_all()
        for pair in pairs:
            _reset(*pair)

    def cut_after(self, size_bytes: int, direction: Direction = "up") -> None:
        """Close the connection that carries the byte `size_bytes` from now on, before that byte; once."""
        with self._changed:
            self._cut_at[direction] = self.passed[direction] + size_bytes

    def corrupt(self, position: int, direction: Direction = "up") -> None:
        """Flip the bits of the byte `position` bytes from now on; once."""
        with self._changed:
            self._corrupt_at[direction] = self.passed[direction] + position

    def corrupt_each(self, step: int, direction: Direction = "up") -> None:
        """Flip the bits of one byte in every `step` bytes, from now on until `forget`."""
        with self._changed:
            self._corrupt_step[direction] = step
            self._corrupt_at[direction] = self.passed[direction] + step

    def forget(self) -> None:
        """Do none of what was to come: no cut, no corruption, no hole."""
        with self._changed:
            for direction in self.passed:
                self._cut_at[direction] = self._corrupt_at[direction] = self._hole_at[direction] = None
                self._corrupt_step[direction] = None

    def hole_after(self, size_bytes: int, direction: Direction = "up") -> None:
        """Become a black hole at the byte `size_bytes` from now on; once."""
        with self._changed:
            self._hole_at[direction] = self.passed[direction] + size_bytes

    def black_hole(self, on: bool = True) -> None:
        """Forward nothing and close nothing; off: go on as if nothing had been."""
        with self._changed:
            self._hole = on
            self._changed.notify_all()

    def stop_accepting(self) -> None:
        """Refuse new connections; those that are there stay."""
        _stop(self._listener)

    def accept_again(self) -> None:
        """Take new connections again, at the same port."""
        self._listener = self._listen(self.port)

    def wait_passed(self, size_bytes: int, direction: Direction = "up", *, timeout_s: float = 60) -> None:
        """Return once that many bytes in all have gone that way."""
        with self._changed:
            done = self._changed.wait_for(lambda: self.passed[direction] >= size_bytes, timeout_s)
        assert done, f"only {self.passed[direction]} of {size_bytes} bytes went {direction}"

    def close(self) -> None:
        """Close everything, and end the threads."""
        with self._changed:
            self._closed = True
        _stop(self._listener)
        self.cut()
        for thread in self._threads:
            thread.join()

    def __enter__(self) -> Proxy:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _listen(self, port: int) -> socket.socket:
        listener = socket.create_server(("127.0.0.1", port))
        self._start(self._accept, listener)
        return listener

    def _start(self, work: object, *args: object) -> None:
        thread = threading.Thread(target=work, args=args, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            self._forward(client)

    def _forward(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(self.target)
        except OSError:
            _reset(client)
            return
        for end in (client, server):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        pair = (client, server)
        with self._changed:
            self._pairs.append(pair)
            self.accepted += 1
        self._start(self._pump, "up", pair)
        self._start(self._pump, "down", pair)

    def _pump(self, direction: Direction, pair: tuple[socket.socket, socket.socket]) -> None:
        source, sink = pair if direction == "up" else pair[::-1]
        try:
            while data := source.recv(self._piece_bytes()):
                self._carry(direction, data, sink)
            if pair in self._pairs:  # else it was cut, and the end of reading is our own doing
                sink.shutdown(socket.SHUT_WR)
        except (_CutError, OSError, ValueError):
            _reset(*pair)

    def _piece_bytes(self) -> int:
        rate = self.rate_bytes_per_s
        return CHUNK_BYTES if rate is None else max(1, min(CHUNK_BYTES, int(rate / 20)))

    def _carry(self, direction: Direction, data: bytes, sink: socket.socket) -> None:
        if self.delay_s:
            time.sleep(self.delay_s)
        if self.rate_bytes_per_s is not None:
            time.sleep(len(data) / self.rate_bytes_per_s)
        with self._changed:
            self._open_hole(direction, len(data))
            self._changed.wait_for(lambda: not self._hole or self._closed)
            start = self.passed[direction]
            data = self._corrupted(direction, start, data)
            end = self._cut_at[direction]
            cut = end is not None and start + len(data) > end
            if cut and end is not None:
                data, self._cut_at[direction] = data[: end - start], None
            # Counted before it goes: who has seen the answer to a byte finds that byte counted.
            self.passed[direction] += len(data)
        _send_all(sink, data)
        with self._changed:
            self._changed.notify_all()
        if cut:
            raise _CutError

    def _open_hole(self, direction: Direction, size_bytes: int) -> None:
        at = self._hole_at[direction]
        if at is not None and self.passed[direction] + size_bytes > at:
            self._hole, self._hole_at[direction] = True, None

    def _corrupted(self, direction: Direction, start: int, data: bytes) -> bytes:
        changed, step = bytearray(data), self._corrupt_step[direction]
        while (at := self._corrupt_at[direction]) is not None and at < start + len(data):
            changed[at - start] ^= 0xFF
            self._corrupt_at[direction] = at + step if step else None
        return bytes(changed)


def _send_all(sink: socket.socket, data: bytes) -> None:
    # Never blocked inside send, which would keep a socket open that another thread has closed.
    view = memoryview(data)
    while view:
        if select.select([], [sink], [], POLL_S)[1]:
            view = view[sink.send(view, socket.MSG_DONTWAIT) :]


def _reset(*ends: socket.socket) -> None:
    for end in ends:
        with suppress(OSError):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            end.shutdown(socket.SHUT_RD)  # wakes who reads; SHUT_WR would say a polite goodbye
        end.close()


def _stop(listener: socket.socket) -> None:
    # shutdown wakes the thread that accepts, which close alone does not.
    with suppress(OSError):
        listener.shutdown(socket.SHUT_RDWR)
    listener.close()
