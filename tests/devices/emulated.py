"""Emulated devices for tests: the images, built when they are missing, and the programs that talk to what they start.

What can't be had fails where CI is set and skips elsewhere, and says what to install or run.
"""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from subprocess import DEVNULL
from typing import Any, NoReturn

import pytest

from lab.core.errors import LabError
from lab.core.proc import Completed, run
from lab.core.progress import NullProgress
from lab.devices.qemu.build import build
from lab.devices.qemu.image import Image, images_dir, read_image
from lab.devices.qemu.machine import start_machine
from lab.devices.qemu.running import Guest, free_port
from lab.formats.target import TargetSpec
from lab.formats.transports import DeviceSpec, QemuSpec

# As they are while tests are collected: a test may give lab another home.
IMAGES = images_dir().absolute()
HOME = IMAGES.parents[1]
INSTALL = "run scripts/install-debian-packages"
COMMAND_S = 120.0


def not_here(reason: str) -> NoReturn:
    """Fail where CI is set, skip elsewhere."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def program(name: str) -> str:
    """Return the path of a program that Debian's packages bring."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
    return found or not_here(f"{name} is missing: {INSTALL}")


def image(name: str) -> Image:
    """Return the image of the recipe as it is now, built if need be (root; less than a minute)."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAB_HOME", str(HOME))
        try:
            (folder,) = build([name], NullProgress())
            return read_image(folder)
        except LabError as problem:
            not_here(f"no emulated {name}: {problem.what}; {problem.hint or INSTALL}")


def share_images(home: Path) -> None:
    """Let the images be found where `home` is $LAB_HOME."""
    (home / "compiled").mkdir(exist_ok=True)
    (home / "compiled" / "images").symlink_to(IMAGES)


def target(name: str, **qemu: Any) -> TargetSpec:
    """Return a target for the image `name`; `qemu` are keys of [qemu]."""
    spec = replace(QemuSpec(image=name, reach="ssh" if name == "machine" else "adb"), **qemu)
    return TargetSpec(1, f"test-{name}", "", DeviceSpec(transport="qemu", emulated=True), qemu=spec)


class Adb:
    """The program `adb`, with a server and keys of its own, and one device."""

    def __init__(self, home: Path, port: int, server_port: int) -> None:
        self._serial = f"127.0.0.1:{port}"
        self._env = {**os.environ, "HOME": str(home), "ANDROID_ADB_SERVER_PORT": str(server_port)}
        self._program = program("adb")

    def __call__(self, *words: str) -> Completed:
        """Run `adb -s DEVICE words`."""
        return run([self._program, "-s", self._serial, *words], timeout_s=COMMAND_S, env=self._env)

    def shell(self, command: str) -> Completed:
        """Have the device's shell run `command`."""
        return self("shell", command)

    def connect(self) -> None:
        """Connect the server to the device. `adb connect` ends with 0 even when it failed, so its words count."""
        # The server that it starts would keep our pipes open, so it says what it has to say to nobody.
        words = [self._program, "start-server"]
        if subprocess.run(words, env=self._env, check=False, stdout=DEVNULL, stderr=DEVNULL).returncode != 0:
            self._env["ANDROID_ADB_SERVER_PORT"] = str(free_port())  # another test took the one that was free
            subprocess.run(words, env=self._env, check=True, stdout=DEVNULL, stderr=DEVNULL)
        said = self("connect", self._serial).stdout
        assert said.startswith(("connected", "already connected")), said

    def close(self) -> None:
        """End the server."""
        with suppress(LabError):
            self("kill-server")


@contextmanager
def adb(home: Path, port: int) -> Iterator[Adb]:
    """Give an `adb` that is connected to the device at `port`, and end its server."""
    found = Adb(home, port, free_port())
    try:
        found.connect()
        yield found
    finally:
        found.close()


@functools.cache
def machine(reach: str) -> Guest:
    """Return the machine that this process's tests share, booted when it is first needed; it ends with the process."""
    guest = start_machine(target("machine", reach=reach), image("machine"))
    atexit.register(guest.running.close)
    return guest


def ssh_argv(image: Image, port: int, user: str, command: str) -> list[str]:
    """Return the command line of `ssh` into a machine: strict about its key, and without the user's own files."""
    server = image.manifest.ssh
    assert server is not None
    hosts, key = image.path(server.known_hosts), image.path(server.key)
    options = ["BatchMode=yes", "StrictHostKeyChecking=yes", f"UserKnownHostsFile={hosts}", "GlobalKnownHostsFile=none"]
    words = [word for option in [*options, "IdentitiesOnly=yes", "ConnectTimeout=30"] for word in ("-o", option)]
    return [program("ssh"), "-F", "none", *words, "-i", str(key), "-p", str(port), f"{user}@127.0.0.1", command]
