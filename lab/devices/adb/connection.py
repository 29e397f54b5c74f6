"""One connection to a phone's adb daemon, shared by every command that runs there at the same time.

Two threads serve it, one a direction, so a command that is interrupted never leaves half a message behind, and none
waits for another. A stream has one message on its way, until the daemon says OKAY: that is adb's flow control.
"""

from __future__ import annotations

import itertools
import threading
import time
from contextlib import suppress
from queue import Empty, SimpleQueue

from lab.core.errors import DeviceUnreachableError
from lab.core.text import said
from lab.devices.adb.handshake import Banner
from lab.devices.adb.wire import CLSE, OKAY, OPEN, WRTE, NotAdbError, Packet, Wire, receive_packet, send_packet

LOST_HINT = "is the phone still on, plugged in or in the Wi-Fi? see 'lab devices'"
STUCK_S = 5.0

Event = bytes | BaseException | None  # data (b"": the way is free again), why the connection was lost, the end


class MuxStream:
    """A stream of a connection; see `shell.Stream`."""

    def __init__(self, connection: Connection, local_id: int) -> None:
        self._connection = connection
        self.local_id = local_id
        self.remote_id = 0
        self.most_bytes = connection.banner.max_payload_bytes
        self.moved = time.monotonic()
        self._events: SimpleQueue[Event] = SimpleQueue()
        self._free = False  # turns true when the daemon has opened the stream
        self._ended = False

    def ready(self) -> bool:
        """See `Stream.ready`."""
        return self._free

    def send(self, data: bytes) -> None:
        """See `Stream.send`."""
        self._free = False
        self._connection.post(Packet(WRTE, self.local_id, self.remote_id, data), self)

    def receive(self, timeout_s: float) -> bytes | None:
        """See `Stream.receive`."""
        try:
            event = self._events.get(timeout=max(timeout_s, 0)) if timeout_s > 0 else self._events.get_nowait()
        except Empty:
            return b""
        if isinstance(event, BaseException):
            raise self._connection.lost(event)
        if event is None:
            self._ended = True
        elif event:
            self._connection.post(Packet(OKAY, self.local_id, self.remote_id), self)
        else:
            self._free = True
        return event

    def close(self) -> None:
        """See `Stream.close`."""
        self._connection.forget(self, said_so=self._ended)

    def tell(self, event: Event) -> None:
        """Take an event from the thread that reads."""
        self.moved = time.monotonic()
        self._events.put(event)


class Connection:
    """A greeted wire. `broken` turns true for good when it is lost or closed."""

    def __init__(self, wire: Wire, banner: Banner, name: str) -> None:
        self.banner = banner
        self.broken = False
        self._wire = wire
        self._name = name
        self._ids = itertools.count(1)
        self._streams: dict[int, MuxStream] = {}
        self._lock = threading.Lock()
        self._moved = time.monotonic()
        self._sending = False
        self._outbox: SimpleQueue[tuple[Packet, MuxStream | None] | None] = SimpleQueue()
        for work in (self._read, self._write):
            threading.Thread(target=work, name=f"lab adb {work.__name__}", daemon=True).start()

    def open(self, service: str) -> MuxStream:
        """Ask for a service, and return its stream; it is ready when the daemon agreed, and ends if it refused."""
        with self._lock:
            stream = MuxStream(self, next(self._ids))
            if self.broken:
                raise self.lost(ConnectionError("it was closed"))
            self._streams[stream.local_id] = stream
        self.post(Packet(OPEN, stream.local_id, 0, service.encode() + b"\0"), stream)
        return stream

    def post(self, packet: Packet, stream: MuxStream | None) -> None:
        """Have a message sent, without waiting for it."""
        self._outbox.put((packet, stream))

    def forget(self, stream: MuxStream, *, said_so: bool) -> None:
        """Close a stream, without waiting until the daemon heard of it."""
        with self._lock:
            known = self._streams.pop(stream.local_id, None)
        if known is None or self.broken or (said_so and not stream.remote_id):
            return
        self.post(Packet(CLSE, stream.local_id, stream.remote_id), None)

    def usable(self) -> bool:
        """Whether it is worth trying: neither lost, nor stuck in a message of which nothing goes any more."""
        if self._sending and time.monotonic() - self._moved > STUCK_S:
            self._break(TimeoutError("it takes nothing any more"))
        return not self.broken

    def close(self) -> None:
        """Let go of the wire; every stream ends with an error."""
        self._break(ConnectionError("it was closed"))

    def lost(self, why: BaseException) -> DeviceUnreachableError:
        """The error for a connection that was lost."""
        return DeviceUnreachableError(f"{self._name}: the connection was lost: {said(str(why))}", hint=LOST_HINT)

    def _break(self, why: BaseException) -> None:
        with self._lock:
            streams, self._streams, self.broken = list(self._streams.values()), {}, True
        self._outbox.put(None)
        with suppress(OSError):
            self._wire.close()
        for stream in streams:
            stream.tell(why)

    def _write(self) -> None:
        """Thread: send what is posted."""
        while (posted := self._outbox.get()) is not None:
            try:
                self._send(*posted)
            except OSError as problem:
                return self._break(problem)

    def _send(self, packet: Packet, stream: MuxStream | None) -> None:
        self._touch(stream)
        self._sending = True
        send_packet(self._wire, packet, checked=self.banner.checked, moved=lambda: self._touch(stream))
        self._sending = False

    def _touch(self, stream: MuxStream | None) -> None:
        self._moved = time.monotonic()
        if stream:
            stream.moved = self._moved

    def _read(self) -> None:
        """Thread: hand out what comes."""
        try:
            while True:
                self._hand_out(receive_packet(self._wire))
        except (OSError, NotAdbError) as problem:
            self._break(problem)

    def _hand_out(self, packet: Packet) -> None:
        with self._lock:
            stream = self._streams.get(packet.arg1)
        if stream is None:
            if packet.command == OKAY:  # it was closed here before the daemon had opened it
                self.post(Packet(CLSE, packet.arg1, packet.arg0), None)
            return
        if packet.command == OKAY:
            stream.remote_id = packet.arg0
            stream.tell(b"")
        elif packet.command == WRTE and packet.data:
            stream.tell(packet.data)
        elif packet.command == CLSE:
            stream.tell(None)
