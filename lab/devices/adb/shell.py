"""The protocol shell_v2, whatever carries it: numbered packets of input, output, and the exit code.

A packet is one byte that says what it is, its size, and data. adb-shell has the older service `shell:` alone, which
tells no exit code and mixes both outputs.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from lab.core.errors import DeviceError
from lab.devices.link import MAX_OUTPUT_BYTES, Answer, LinkTimeoutError

HEAD = struct.Struct("<BI")
STDIN, STDOUT, STDERR, EXIT, CLOSE_STDIN = range(5)
STDERR_KEPT_BYTES = 1 << 20
POLL_S = 0.5
COLLECT_S = 0.05


class Stream(Protocol):
    """A way for bytes to one command on the device and back. One thread uses it.

    `moved` is when a byte last went either way (time.monotonic()), `most_bytes` what one `send` takes.
    """

    moved: float
    most_bytes: int

    def ready(self) -> bool:
        """Whether what was sent before is gone, so that `send` may be called."""

    def send(self, data: bytes) -> None:
        """Begin to send `data`; returns at once."""

    def receive(self, timeout_s: float) -> bytes | None:
        """Return what came, waiting `timeout_s` or until `ready` turns true: b"" for nothing yet, None for the end.

        Raises DeviceUnreachableError when the connection was lost.
        """

    def close(self) -> None:
        """End it, which ends the command too (with SIGHUP). Called again, it does nothing."""


class Shell:
    """One command: what it is fed, and what it said so far."""

    def __init__(
        self, stream: Stream, name: str, feed: Iterable[bytes] | None, on_stdout: Callable[[bytes], None] | None
    ) -> None:
        self._stream = stream
        self._name = name
        self._packets: Iterator[bytes] | None = _packets(feed or (), stream.most_bytes)
        self._on_stdout = on_stdout
        self._unread = b""
        self._stdout = bytearray()
        self._stderr = b""
        self._code: int | None = None

    def run(self, timeout_s: float, stall_s: float | None) -> Answer | None:
        """Feed and listen to the end; None when the stream ended and told no exit code. See `Link.execute`."""
        deadline = time.monotonic() + timeout_s
        while self._code is None:
            self._feed()
            wait_s = self._time_left(deadline, timeout_s, stall_s)
            more = self._packets is not None and self._stream.ready()
            data = self._stream.receive(0 if more else min(wait_s, POLL_S))
            if data is None:
                return None
            if data:
                self._take(data)
                # Time that the caller took over it is no stall of the device.
                self._stream.moved = time.monotonic()
        return Answer(self._code, bytes(self._stdout), self._stderr)

    def _feed(self) -> None:
        if self._packets is None or not self._stream.ready():
            return
        packet = next(self._packets, None)
        if packet is None:
            self._packets = None
            packet = HEAD.pack(CLOSE_STDIN, 0)
        if not packet:
            return
        # Neither is the time that the caller took to have the next bytes ready.
        self._stream.moved = time.monotonic()
        self._stream.send(packet)

    def _time_left(self, deadline: float, timeout_s: float, stall_s: float | None) -> float:
        now = time.monotonic()
        if now >= deadline:
            raise LinkTimeoutError(f"{self._name}: no end within {timeout_s:g} s")
        if stall_s is None:
            return deadline - now
        if now >= self._stream.moved + stall_s:
            raise LinkTimeoutError(f"{self._name}: nothing moved for {stall_s:g} s")
        return min(deadline, self._stream.moved + stall_s) - now

    def _take(self, data: bytes) -> None:
        unread, at = self._unread + data, 0
        while len(unread) - at >= HEAD.size:
            kind, size_bytes = HEAD.unpack_from(unread, at)
            end = at + HEAD.size + size_bytes
            if size_bytes > MAX_OUTPUT_BYTES:
                raise DeviceError(f"{self._name}: its adb daemon sent a packet of {size_bytes} bytes")
            if len(unread) < end:
                break
            self._understand(kind, unread[at + HEAD.size : end])
            at = end
        self._unread = unread[at:]

    def _understand(self, kind: int, data: bytes) -> None:
        if kind == EXIT and data:
            self._code = data[0]
        elif kind == STDERR:
            self._stderr = (self._stderr + data)[-STDERR_KEPT_BYTES:]
        elif kind == STDOUT and self._on_stdout:
            self._on_stdout(data)
        elif kind == STDOUT:
            self._stdout += data
            if len(self._stdout) > MAX_OUTPUT_BYTES:
                raise DeviceError(f"{self._name}: the command wrote more than {MAX_OUTPUT_BYTES >> 20} MiB")


def _packets(feed: Iterable[bytes], most_bytes: int) -> Iterator[bytes]:
    """The feed in packets as large as one send takes: each costs the time there and back. Small ones wait a little.

    An empty chunk gives an empty packet, which is not to be sent, where nothing else waits.
    """
    room = most_bytes - HEAD.size
    waiting, since = bytearray(), time.monotonic()
    for chunk in feed:
        if not chunk and not waiting:
            yield b""
            continue
        since = since if waiting else time.monotonic()
        waiting += chunk
        while len(waiting) >= room:
            yield HEAD.pack(STDIN, room) + waiting[:room]
            del waiting[:room]
        if waiting and time.monotonic() - since >= COLLECT_S:
            yield HEAD.pack(STDIN, len(waiting)) + waiting
            waiting.clear()
    if waiting:
        yield HEAD.pack(STDIN, len(waiting)) + waiting
