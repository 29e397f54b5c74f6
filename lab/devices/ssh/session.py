"""One command on a channel, as the loop's thread sees it; the thread that asked for it reads `events`."""

from __future__ import annotations

import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from queue import SimpleQueue

import asyncssh

BLOCK_BYTES = 256 << 10
CREDITS = 2  # blocks on their way from the caller's thread to the channel; more is no faster
UNREAD_MAX_BYTES = 4 << 20  # output that waits for the caller; then the host is held back
ERROR_TAIL_BYTES = 1 << 20
UNKNOWN_SIGNAL = 255


@dataclass(frozen=True)
class Room:
    """So many more blocks may be sent."""

    blocks: int


@dataclass(frozen=True)
class End:
    """The channel is closed. `code` is the shell's, or None: nobody said how it ended, because of `problem`."""

    code: int | None
    problem: Exception | None


class Session(asyncssh.SSHClientSession[bytes]):
    """Puts what comes into `events`: bytes of standard output, Room and, last of all, End."""

    def __init__(self, ended: Callable[[], None]) -> None:
        self.started = False
        self.events: SimpleQueue[bytes | Room | End] = SimpleQueue()
        self.stderr = bytearray()
        self.stderr_bytes = 0
        self._received_bytes = 0
        self._sent_bytes = 0
        self._ended = ended
        self._owed = 0
        self._unread_bytes = 0
        self._held = False
        self._full = False
        self._code: int | None = None
        self._channel: asyncssh.SSHClientChannel[bytes] | None = None

    def moved_bytes(self) -> int:
        """Return how much has gone either way; any thread may ask."""
        channel = self._channel
        waiting = channel.get_write_buffer_size() if channel is not None else 0
        return self._received_bytes + self.stderr_bytes + self._sent_bytes - waiting

    def connection_made(self, chan: asyncssh.SSHClientChannel[bytes]) -> None:
        """Take the channel."""
        self._channel = chan
        self.started = True
        chan.set_write_buffer_limits(high=2 * BLOCK_BYTES, low=BLOCK_BYTES)

    def data_received(self, data: bytes, datatype: int | None) -> None:
        """Hand output on, and hold the host back when nobody takes it."""
        if datatype is not None:
            self._add_error(data)
            return
        self._received_bytes += len(data)
        self._unread_bytes += len(data)
        self.events.put(data)
        if self._unread_bytes > UNREAD_MAX_BYTES and not self._held and self._channel is not None:
            self._held = True
            self._channel.pause_reading()

    def took(self, size_bytes: int) -> None:
        """The caller has taken so much output."""
        self._unread_bytes -= size_bytes
        if self._held and self._unread_bytes <= UNREAD_MAX_BYTES // 2 and self._channel is not None:
            self._held = False
            self._channel.resume_reading()

    def send(self, block: bytes) -> None:
        """Write a block to the command's standard input; when it has closed that, the block is dropped."""
        self._owed += 1
        with suppress(OSError):
            assert self._channel is not None
            self._sent_bytes += len(block)
            self._channel.write(block)
        if not self._full:
            self._pay()

    def finish(self) -> None:
        """Close the command's standard input."""
        with suppress(OSError):
            assert self._channel is not None
            self._channel.write_eof()

    def abort(self) -> None:
        """Close the channel now."""
        if self._channel is not None:
            self._channel.abort()

    def pause_writing(self) -> None:
        """The channel has enough to send."""
        self._full = True

    def resume_writing(self) -> None:
        """The channel can take more."""
        self._full = False
        self._pay()

    def exit_status_received(self, status: int) -> None:
        """Keep the exit code."""
        self._code = status

    def exit_signal_received(self, signal: str, core_dumped: bool, msg: str, lang: str) -> None:
        """Keep what a shell would say of the signal."""
        self._code = _code_of(signal)

    def connection_lost(self, exc: Exception | None) -> None:
        """Say that it is over."""
        self._ended()
        self.events.put(End(self._code, exc))

    def _pay(self) -> None:
        owed, self._owed = self._owed, 0
        if owed:
            self.events.put(Room(owed))

    def _add_error(self, data: bytes) -> None:
        self.stderr_bytes += len(data)
        self.stderr += data
        if len(self.stderr) > 2 * ERROR_TAIL_BYTES:
            del self.stderr[:-ERROR_TAIL_BYTES]


def _code_of(name: str) -> int:
    try:
        return 128 + signal.Signals[f"SIG{name}"]
    except KeyError:
        return UNKNOWN_SIGNAL
