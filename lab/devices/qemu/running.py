"""An emulator that runs, and ends with us; whether its guest answers.

A connection alone says nothing: QEMU accepts it before the guest is there.
"""

from __future__ import annotations

import os
import re
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from lab.core.errors import DeviceUnreachableError
from lab.core.proc import run
from lab.core.text import said
from lab.devices.link import Link
from lab.devices.qemu import supervise

ANSWER_S = 1.0
HOST = "127.0.0.1"
ADB_VERSION = 0x01000001
ADB_MAX_DATA = 1 << 20
ADB_BANNER = b"host::\0"
ADB_ANSWERS = (b"CNXN", b"AUTH", b"STLS")


def free_port() -> int:
    """Return a port of the loopback that nobody listens on just now."""
    with socket.socket() as found:
        found.bind((HOST, 0))
        return int(found.getsockname()[1])


def ssh_answers(port: int) -> bool:
    """Whether an SSH server greets on `port`."""
    return _first_bytes(port, b"", 4) == b"SSH-"


def adb_answers(port: int) -> bool:
    """Whether an adbd answers on `port`, be it by asking for a key."""
    return _first_bytes(port, _adb_greeting(), 4) in ADB_ANSWERS


def _adb_greeting() -> bytes:
    word = int.from_bytes(b"CNXN", "little")
    header = (word, ADB_VERSION, ADB_MAX_DATA, len(ADB_BANNER), sum(ADB_BANNER), word ^ 0xFFFFFFFF)
    return struct.pack("<6I", *header) + ADB_BANNER


def _first_bytes(port: int, greeting: bytes, size: int) -> bytes:
    try:
        with socket.create_connection((HOST, port), ANSWER_S) as connection:
            connection.sendall(greeting)
            return connection.recv(size, socket.MSG_WAITALL)
    except OSError:
        return b""


TAIL_BYTES = 8192
TAIL_LINES = 40  # a kernel says why it panicked above the stack it shows
END_S = 20.0
POLL_S = 0.05


class Running:
    """An emulator under a supervisor (supervise.py): `close` ends it, and so does any end of this process."""

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


@dataclass(frozen=True)
class Guest:
    """What runs, how it answers (`ssh` or `adb`, at a port of the loopback), and by which emulator.

    `check` is called with the link once it is made; it raises when the link leads elsewhere.
    """

    running: Running
    reach: str
    port: int
    emulator: str
    check: Callable[[Link], None]


def version_of(program: str | Path) -> str:
    """Return the version that an emulator of QEMU says it has, such as "7.2.22"."""
    said = run([str(program), "--version"], timeout_s=30, check=True).stdout
    found = re.search(r"version (\d[0-9.]*)", said)
    return found[1] if found else "of unknown version"
