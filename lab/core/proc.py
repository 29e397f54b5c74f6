"""Other programs: started without a shell, never left behind."""

from __future__ import annotations

import os
import selectors
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from lab.core.process import (
    MAX_LINE_BYTES,
    CommandError,
    Completed,
    Lines,
    LineTooLongError,
    describe_code,
    start,
    stop_group,
)

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


__all__ = ["CommandError", "Completed", "describe_code", "run", "stream"]

DRAIN_S = 5.0


def run(
    argv: Sequence[str],
    *,
    timeout_s: float,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    input: str | bytes | None = None,
    check: bool = False,
) -> Completed:
    """Run `argv` to its end and return what it said; with `check`, a code other than 0 raises CommandError.

    The command has a process group of its own, which is killed on timeout and on Ctrl-C.
    """
    began = time.monotonic()
    process = start(argv, env=env, cwd=cwd, stdin=subprocess.DEVNULL if input is None else subprocess.PIPE)
    data = input.encode() if isinstance(input, str) else input
    try:
        out, err = process.communicate(data, timeout=timeout_s)
    except subprocess.TimeoutExpired as problem:
        done = _completed(argv, process, *_end(process), began)
        raise CommandError(done, f"no answer within {timeout_s:g} s") from problem
    except BaseException:
        _end(process)
        raise
    done = _completed(argv, process, out, err, began)
    if check and done.code != 0:
        raise CommandError(done, describe_code(done.code))
    return done


def _end(process: subprocess.Popen[bytes]) -> tuple[bytes, bytes]:
    stop_group(process, grace_s=0)
    # A descendant that left the group may still hold the pipes: what it says is not waited for.
    with suppress(subprocess.TimeoutExpired, ValueError):
        return process.communicate(timeout=DRAIN_S)
    return b"", b""


def _completed(
    argv: Sequence[str], process: subprocess.Popen[bytes], out: bytes, err: bytes, began: float
) -> Completed:
    text = (out.decode("utf-8", "replace"), err.decode("utf-8", "replace"))
    return Completed(tuple(argv), process.returncode, *text, time.monotonic() - began)
