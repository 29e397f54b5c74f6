"""Other programs: started without a shell, never left behind."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from lab.core.process import CommandError, Completed, describe_code, start, stop_group
from lab.core.stream import stream

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
