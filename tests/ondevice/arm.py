"""The arm64 runner as it lies on a device, in a folder with all that it needs, called under an emulated CPU."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from lab.core.errors import CompileError
from lab.devices.local import LocalDevice
from lab.formats.target import load_target
from lab.measure.runner.invocation import Placed, place_runner
from lab.ondevice.build import RunnerFiles
from lab.ondevice.bundled_libc import carried
from tests.ondevice.conftest import Bench

INSTALL = "qemu-aarch64 is missing: run scripts/install-debian-packages, or apt-get install qemu-user"


class CopyingDevice(LocalDevice):
    """This machine, with copies of what is pushed in a folder, as on another machine."""

    def __init__(self, folder: Path) -> None:
        super().__init__(load_target("local"))
        self.folder = folder

    def push(self, local: Path, name: str) -> str:
        there = self.folder / name
        there.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(local, there)
        return str(there)


def place_copies(folder: Path, files: RunnerFiles) -> Placed:
    """Copy the runner and its libraries below `folder`."""
    return place_runner(CopyingDevice(folder), files)


def require_emulator() -> str:
    """Return the emulator; without it or the C library for arm64 the test is skipped, and fails in CI."""
    program = shutil.which("qemu-aarch64")
    if program is None:
        _stop(INSTALL)
    try:
        carried("aarch64")
    except CompileError as problem:
        _stop(f"{problem}: {problem.hint}")
    return str(program)


def emulated(placed: Placed, cpu: str, *options: str) -> Bench:
    """The placed runner on an emulated `cpu`, which finds no library of any other place."""
    start = [require_emulator(), "-L", "/nonexistent", "-cpu", cpu, *options, *placed.call]
    return Bench(start, placed.runtime, placed.env)


def _stop(why: str) -> None:
    if os.environ.get("CI"):
        pytest.fail(why)
    pytest.skip(why)
