"""A guest that answers, and what to tell about its emulator."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lab.core.proc import run
from lab.devices.link import Link
from lab.devices.qemu.running import Running


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
