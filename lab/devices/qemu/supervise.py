"""Keeps one emulator alive for exactly as long as lab is: run as a program, with the emulator's command line.

Standard input is a pipe whose other end only lab holds. It closes when lab closes it, ends, or is killed in any way;
then everything below is killed. When this program itself is killed, the kernel kills the emulator. What the emulator
says goes to standard output; END_WORDS in it end it, since a kernel that has panicked may reboot for ever.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

END_WORDS = b"Kernel panic - not syncing"
CHUNK_BYTES = 65_536
KEPT_BYTES = 4 << 20  # a guest may talk for days; only its last words are of use
PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36

_prctl = ctypes.CDLL(None, use_errno=True).prctl


def main(argv: list[str]) -> int:
    """Run `argv` until it ends or standard input does; 127 when it could not start."""
    # Grandchildren come to us when their parents die, so that none is left when we end.
    _prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        # `with` is not used: at its end it would wait for who holds the pipe, and the killing comes first.
        child = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            preexec_fn=_die_with_parent,
        )
    except OSError as problem:
        print(f"{argv[0]}: cannot start: {problem.strerror}", flush=True)
        return 127
    assert child.stdout is not None
    try:
        _watch(child.stdout.fileno())
    finally:
        code = _end(child)
        _reap_all()
    return code


def _die_with_parent() -> None:
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _watch(output: int) -> None:
    """Pass output on until it ends, lab is gone, or the guest's kernel has panicked."""
    poll = select.poll()
    poll.register(0, select.POLLIN)
    poll.register(output, select.POLLIN)
    said = b""
    while True:
        ready = {handle for handle, _ in poll.poll()}
        if 0 in ready and not os.read(0, CHUNK_BYTES):
            return
        if output in ready:
            data = os.read(output, CHUNK_BYTES)
            _pass_on(data)
            said = (said + data)[-CHUNK_BYTES:]
            if not data or END_WORDS in said:
                return


def _pass_on(data: bytes) -> None:
    with suppress(OSError):
        if os.fstat(1).st_size > KEPT_BYTES:
            os.ftruncate(1, 0)
            os.lseek(1, 0, os.SEEK_SET)
        os.write(1, data)


def _end(child: subprocess.Popen[bytes]) -> int:
    child.kill()
    return child.wait()


def _reap_all() -> None:
    """Kill and reap whoever has come to us, generation after generation, until nobody is left."""
    with suppress(ChildProcessError):
        while True:
            for pid in _children():
                os.kill(pid, signal.SIGKILL)
            os.wait()


def _children() -> list[int]:
    try:
        return [int(pid) for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text("ascii").split()]
    except OSError:  # a kernel without this file: the emulator itself was killed, others are waited for
        return []


if __name__ == "__main__":
    sys.exit(1 if main(sys.argv[1:]) else 0)
