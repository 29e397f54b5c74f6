"""One command as the thread sees it that asked for it: feeds it, takes its output, watches the clock.

All that the caller gave (`feed`, `on_stdout`) is called in the caller's own thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from queue import Empty

from lab.core.errors import DeviceError
from lab.devices.link import MAX_OUTPUT_BYTES, Answer, LinkTimeoutError
from lab.devices.ssh.loop import LoopThread
from lab.devices.ssh.problems import unreachable
from lab.devices.ssh.session import BLOCK_BYTES, CREDITS, End, Room, Session

TICK_S = 1.0
COLLECT_S = 0.05  # small chunks wait so long for one another
REPORT_BYTES = 1 << 20


class Exchange:
    """See `Link.execute` for what it does and raises; its time counts from `began`, by time.monotonic."""

    def __init__(
        self,
        loop: LoopThread,
        session: Session,
        address: str,
        *,
        began: float,
        timeout_s: float,
        stall_s: float | None,
        on_stdout: Callable[[bytes], None] | None,
    ) -> None:
        self._loop = loop
        self._session = session
        self._address = address
        self._deadline = began + timeout_s
        self._timeout_s = timeout_s
        self._stall_s = stall_s
        self._on_stdout = on_stdout
        self._stdout = bytearray()
        self._unreported_bytes = 0
        self._credits = CREDITS
        self._moved_bytes = -1
        self._moved_at = time.monotonic()

    def run(self, feed: Iterable[bytes]) -> Answer:
        """Return how the command ended; on any exception the channel is closed."""
        try:
            return self._converse(blocks(feed))
        except BaseException:
            self._loop.post(self._session.abort)
            raise

    def _converse(self, feed: Iterator[bytes]) -> Answer:
        feeding = True
        while True:
            if feeding and self._credits:
                feeding = self._send_next(feed)
            event = self._next_event(wait=not (feeding and self._credits))
            if isinstance(event, bytes):
                self._take(event)
            elif isinstance(event, Room):
                self._credits += event.blocks
            elif isinstance(event, End):
                return self._answer(event)

    def _send_next(self, feed: Iterator[bytes]) -> bool:
        """Send the next block, if it is there already; whether more may come."""
        block = next(feed, None)
        if block == b"":
            return True
        self._moved_at = time.monotonic()  # the time that the caller took is no stall
        if block is None:
            self._loop.post(self._session.finish)
            return False
        self._credits -= 1
        self._loop.post(self._session.send, block)
        return True

    def _next_event(self, *, wait: bool) -> bytes | Room | End | None:
        now = time.monotonic()
        left_s = self._deadline - now
        if left_s <= 0:
            raise LinkTimeoutError(f"{self._address}: the command did not end within {self._timeout_s:g} s")
        try:
            return self._session.events.get(wait, min(left_s, TICK_S, self._stall_s or TICK_S))
        except Empty:
            self._check_stall(time.monotonic())
            return None

    def _check_stall(self, now: float) -> None:
        moved_bytes = self._session.moved_bytes()
        if moved_bytes != self._moved_bytes:
            self._moved_bytes, self._moved_at = moved_bytes, now
        elif self._stall_s is not None and now - self._moved_at >= self._stall_s:
            raise LinkTimeoutError(f"{self._address}: nothing moved for {self._stall_s:g} s")

    def _take(self, data: bytes) -> None:
        if self._on_stdout is not None:
            self._on_stdout(data)
        else:
            self._stdout += data
            self._check_size(len(self._stdout))
        self._moved_at = time.monotonic()
        self._unreported_bytes += len(data)
        if self._unreported_bytes >= REPORT_BYTES:
            self._loop.post(self._session.took, self._unreported_bytes)
            self._unreported_bytes = 0

    def _answer(self, end: End) -> Answer:
        if end.code is None:
            problem = end.problem or ConnectionError("the connection was closed before the command ended")
            raise unreachable(self._address, problem) from end.problem
        return Answer(end.code, bytes(self._stdout), bytes(self._session.stderr))

    def _check_size(self, size_bytes: int) -> None:
        if size_bytes > MAX_OUTPUT_BYTES:
            raise DeviceError(f"{self._address}: the command wrote more than {MAX_OUTPUT_BYTES >> 20} MiB")


def blocks(feed: Iterable[bytes]) -> Iterator[bytes]:
    """Cut what is fed into blocks of a size that is sent at once: large chunks are cut, small ones put together.

    An empty chunk gives an empty block where nothing else waits to be sent.
    """
    small = bytearray()
    since = time.monotonic()
    for chunk in feed:
        if not chunk and not small:
            yield b""
            continue
        if len(chunk) < BLOCK_BYTES:
            since = since if small else time.monotonic()
            small += chunk
            if len(small) < BLOCK_BYTES and time.monotonic() - since < COLLECT_S:
                continue
        if small:
            yield bytes(small)
            small.clear()
        if len(chunk) >= BLOCK_BYTES:
            view = memoryview(chunk)
            yield from (bytes(view[start : start + BLOCK_BYTES]) for start in range(0, len(chunk), BLOCK_BYTES))
    if small:
        yield bytes(small)
