"""A program whose output is read line by line while it runs."""

from __future__ import annotations

import os
import selectors
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

from lab.core.lines import MAX_LINE_BYTES, Lines, LineTooLongError
from lab.core.process import CommandError, Completed, start, stop_group

STDERR_KEPT_BYTES = 64 * 1024
POLL_S = 0.2


def stream(
    argv: Sequence[str],
    *,
    timeout_s: float,
    on_line: Callable[[str], None],
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    grace_s: float = 2.0,
    max_line_bytes: int = MAX_LINE_BYTES,
) -> Completed:
    """Run `argv`, calling `on_line` with each line of its stdout (without the line end) as it comes.

    Returns the exit code and the last 64 KiB of stderr; stdout is not kept. On Ctrl-C the program gets
    SIGTERM and `grace_s` for last lines, which are still delivered. Its whole group is killed then, when
    `on_line` raises, past `timeout_s`, and on a line of more than `max_line_bytes` (both CommandError).
    """
    process = start(argv, env=env, cwd=cwd)
    reader = _Reader(process, on_line, max_line_bytes)
    began = time.monotonic()
    try:
        reader.pump(began + timeout_s)
        process.wait(max(POLL_S, began + timeout_s - time.monotonic()))
    except (LineTooLongError, subprocess.TimeoutExpired) as problem:
        stop_group(process, grace_s=0)
        reason = f"no end within {timeout_s:g} s"
        if isinstance(problem, LineTooLongError):
            reason = str(problem)
        raise CommandError(reader.completed(argv, began), reason) from problem
    except KeyboardInterrupt:
        reader.last_words(grace_s)
        raise
    finally:
        stop_group(process, grace_s=0)
        reader.close()
    return reader.completed(argv, began)


class _Reader:
    """Both pipes of one process; keeps the end of stderr."""

    def __init__(self, process: subprocess.Popen[bytes], on_line: Callable[[str], None], limit: int) -> None:
        self.process = process
        self.lines = Lines(on_line, limit)
        self.stderr = b""
        self.selector = selectors.DefaultSelector()
        for pipe in (process.stdout, process.stderr):
            self.selector.register(_file(pipe), selectors.EVENT_READ)

    def pump(self, deadline: float) -> None:
        """Read until both pipes end; TimeoutExpired past `deadline`."""
        while self.selector.get_map():
            left = deadline - time.monotonic()
            if left <= 0:
                raise subprocess.TimeoutExpired(self.process.args, 0)
            # A descendant may hold the pipes open after the program itself has ended: do not wait for it.
            ended = self.process.poll() is not None
            ready = self.selector.select(min(left, POLL_S))
            if ended and not ready:
                break
            for key, _ in ready:
                self._read(key.fileobj)
        self.lines.finish()

    def last_words(self, grace_s: float) -> None:
        """Ask the process to end and deliver what it still says, for at most `grace_s`."""
        deadline = time.monotonic() + grace_s
        self.process.terminate()
        try:
            self.pump(deadline)
        except (subprocess.TimeoutExpired, LineTooLongError):
            return

    def completed(self, argv: Sequence[str], began: float) -> Completed:
        text = self.stderr.decode("utf-8", "replace")
        return Completed(tuple(argv), self.process.returncode, "", text, time.monotonic() - began)

    def close(self) -> None:
        self.selector.close()
        for pipe in (self.process.stdout, self.process.stderr):
            _file(pipe).close()

    def _read(self, pipe: object) -> None:
        chunk = os.read(_file(pipe).fileno(), 64 * 1024)
        if not chunk:
            self.selector.unregister(_file(pipe))
        elif pipe is self.process.stderr:
            self.stderr = (self.stderr + chunk)[-STDERR_KEPT_BYTES:]
        else:
            self.lines.feed(chunk)


def _file(pipe: object) -> IO[bytes]:
    if pipe is None:
        raise ValueError("the process was not started with pipes")
    return pipe  # type: ignore[return-value]
