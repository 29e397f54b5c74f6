"""An emulator that runs, and ends with us."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from lab.core.errors import DeviceUnreachableError
from lab.core.text import said
from lab.devices.qemu import supervise

TAIL_BYTES = 8192
TAIL_LINES = 40  # a kernel says why it panicked above the stack it shows
END_S = 20.0
POLL_S = 0.05


class Running:
    """An emulator under a keeper (supervise.py): `close` ends it, and so does any end of this process."""

    def __init__(self, name: str, argv: Sequence[str]) -> None:
        self._name = name
        # A file without a name: nothing is left behind, whoever is killed.
        self._console = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `close`
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", supervise.__file__, *argv],
            stdin=subprocess.PIPE,
            stdout=self._console,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for us: the device is needed to clean up
        )

    def check(self, *, grace_s: float = 0.0) -> None:
        """Raise DeviceUnreachableError, with the last it said, when the emulator has ended or does within `grace_s`."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(grace_s)
        if self._console.closed or self._process.poll() is not None:
            raise DeviceUnreachableError(f"{self._name}: the emulator has ended{self.tail()}")

    def wait_until(self, ready: Callable[[], bool], *, timeout_s: float) -> None:
        """Ask `ready` again and again; DeviceUnreachableError when the emulator ends or `timeout_s` is over."""
        deadline = time.monotonic() + timeout_s
        while not ready():
            self.check()
            if time.monotonic() > deadline:
                raise DeviceUnreachableError(
                    f"{self._name}: the emulated device does not answer after {timeout_s:g} s{self.tail()}",
                    hint="a busy machine emulates slowly: try again when it is quiet",
                )
            time.sleep(POLL_S)

    def tail(self) -> str:
        """Return the last lines that the emulator and its guest said, safe to print, each on a line of its own."""
        if self._console.closed:
            return ""
        size = os.fstat(self._console.fileno()).st_size
        data = os.pread(self._console.fileno(), TAIL_BYTES, max(0, size - TAIL_BYTES))
        lines = [said(line) for line in data.decode("utf-8", "replace").splitlines()]
        return "".join(f"\n  {line}" for line in [line for line in lines if line.strip()][-TAIL_LINES:])

    def close(self) -> None:
        """End the emulator and everything in it. Called again, it does nothing."""
        assert self._process.stdin is not None
        with suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()  # the kernel then kills the emulator
            self._process.wait()
        finally:
            self._console.close()
