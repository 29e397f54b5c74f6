"""One command that the small adb daemon runs: /bin/sh with its three pipes, in packets of shell_v2."""

from __future__ import annotations

import os
import queue
import signal
import struct
import subprocess
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO

PACKET = struct.Struct("<BI")
STDIN, STDOUT, STDERR, EXIT, CLOSE_STDIN = range(5)


class Shell:
    """`write` sends bytes to the client and waits until it took them; `end` closes the stream."""

    def __init__(self, command: str, folder: Path, write: Callable[[bytes], None], end: Callable[[], None]) -> None:
        self._write, self._end = write, end
        self._input: queue.SimpleQueue[tuple[bytes, Callable[[], None]] | None] = queue.SimpleQueue()
        self._unread = b""
        argv, pipe = ["/bin/sh", "-c", command], subprocess.PIPE
        self._process = subprocess.Popen(argv, cwd=folder, start_new_session=True, stdin=pipe, stdout=pipe, stderr=pipe)

    def start(self) -> None:
        """Begin to pass bytes."""
        for work in (self._feed, self._run):
            threading.Thread(target=work, daemon=True).start()

    def take(self, data: bytes, taken: Callable[[], None]) -> None:
        """Queue what the client sent; `taken` is called when the command has it."""
        self._input.put((data, taken))

    def hang_up(self) -> None:
        """The client is gone: end the shell as adbd does."""
        with suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGHUP)
        self._input.put(None)

    def _feed(self) -> None:
        while (item := self._input.get()) is not None:
            self._unread += item[0]
            self._understand()
            item[1]()
        with suppress(BrokenPipeError):
            _file(self._process.stdin).close()

    def _understand(self) -> None:
        while len(self._unread) >= PACKET.size:
            kind, size = PACKET.unpack_from(self._unread)
            if len(self._unread) < PACKET.size + size:
                return
            data, self._unread = self._unread[PACKET.size :][:size], self._unread[PACKET.size + size :]
            # A command may end before its input does.
            with suppress(BrokenPipeError, ValueError):
                if kind == STDIN:
                    _file(self._process.stdin).write(data)
                    _file(self._process.stdin).flush()
                elif kind == CLOSE_STDIN:
                    _file(self._process.stdin).close()

    def _run(self) -> None:
        pumps = [
            threading.Thread(target=self._pump, args=(kind, pipe), daemon=True)
            for kind, pipe in ((STDOUT, self._process.stdout), (STDERR, self._process.stderr))
        ]
        for pump in pumps:
            pump.start()
        for pump in pumps:
            pump.join()
        code = self._process.wait()
        with suppress(OSError):
            self._write(PACKET.pack(EXIT, 1) + bytes([code if code >= 0 else 128 - code]))
            self._end()
        self._input.put(None)

    def _pump(self, kind: int, pipe: IO[bytes] | None) -> None:
        with suppress(OSError), _file(pipe) as source:
            while data := os.read(source.fileno(), 1 << 16):
                self._write(PACKET.pack(kind, len(data)) + data)


def _file(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None
    return pipe
