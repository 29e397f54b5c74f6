"""Bytes as they come, cut into lines."""

from __future__ import annotations

from collections.abc import Callable

MAX_LINE_BYTES = 16 * 1024 * 1024


class LineTooLongError(Exception):
    """A line that would fill the memory."""


class Lines:
    """Calls `on_line` with each whole line, without its end, as repaired UTF-8."""

    def __init__(self, on_line: Callable[[str], None], max_line_bytes: int = MAX_LINE_BYTES) -> None:
        self._on_line = on_line
        self._limit = max_line_bytes
        self._unfinished = bytearray()

    def feed(self, chunk: bytes) -> None:
        """Take more bytes; LineTooLongError when a line has no end."""
        *whole, rest = chunk.split(b"\n")
        for part in whole:
            self._unfinished += part
            self._deliver()
        self._unfinished += rest
        if len(self._unfinished) > self._limit:
            raise LineTooLongError(f"wrote a line of more than {self._limit} bytes")

    def finish(self) -> None:
        """Deliver what came after the last line end, if anything did."""
        if self._unfinished:
            self._deliver()

    def _deliver(self) -> None:
        line, self._unfinished = bytes(self._unfinished), bytearray()
        self._on_line(line.decode("utf-8", "replace").removesuffix("\r"))
