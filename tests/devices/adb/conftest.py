"""A phone (the small daemon) reached in each way that lab has, with an adb server and a home of the test's own."""

from __future__ import annotations

import os
import random
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from lab.devices.adb import connect as connecting
from lab.devices.adb import usb
from lab.devices.link import Access, Link
from lab.formats.target import TargetSpec
from lab.formats.transports import AdbSpec, DeviceSpec
from tests.devices.adb.fake_usb import FakeUsb
from tests.devices.peers.adbd_server import Adbd, adbd

INSTALL = "adb is missing: run scripts/install-debian-packages, or apt-get install adb"
WAYS = ("adb-shell", "adb-shell over USB", "adb")
SERIAL = "USB0001"

Reach = Callable[..., Link]


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """No test touches the user's key or server; whatever server it started is ended."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    for name in ("ADB", "ADB_VENDOR_KEYS", "ADB_SERVER_SOCKET", "ANDROID_ADB_SERVER_ADDRESS", "ANDROID_SERIAL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", str(free_port()))
    yield home
    if (program := shutil.which("adb")) is not None and _listens(int(os.environ["ANDROID_ADB_SERVER_PORT"])):
        subprocess.run([program, "kill-server"], capture_output=True, env=dict(os.environ), check=False)


@pytest.fixture
def program() -> str:
    """The adb program."""
    found = shutil.which("adb")
    if found is None and os.environ.get("CI"):
        pytest.fail(INSTALL)
    if found is None:
        pytest.skip(INSTALL)
    return found


@pytest.fixture
def phone(tmp_path: Path) -> Iterator[Adbd]:
    """A daemon that runs commands in a folder of its own."""
    folder = tmp_path / "phone"
    folder.mkdir()
    with adbd(folder) as daemon:
        yield daemon


@pytest.fixture
def reach(monkeypatch: pytest.MonkeyPatch) -> Iterator[Reach]:
    """Connect to a daemon by one of WAYS; closed at the end."""
    links: list[Link] = []

    def connect(daemon: Adbd, way: str = "adb-shell", access: Access | None = None) -> Link:
        spec = target(daemon.address, way)
        if way == "adb-shell over USB":
            monkeypatch.setattr(usb, "attached", lambda: [FakeUsb(daemon.port, SERIAL)])
            monkeypatch.setattr(connecting, "find_spec", lambda name: name)
            spec = target("", "adb-shell", serial=SERIAL)
        links.append(connecting.connect(spec, access or Access()))
        return links[-1]

    yield connect
    for link in links:
        link.close()


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> str:
    """Each way in turn; without the adb program one of them can't be tried."""
    if request.param == "adb":
        request.getfixturevalue("program")
    return str(request.param)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def target(address: str = "", backend: str = "auto", serial: str = "") -> TargetSpec:
    spec = AdbSpec(address=address, backend=backend)  # type: ignore[arg-type]
    return TargetSpec(1, "pixel", "a test", DeviceSpec("adb", serial=serial), adb=spec)


def free_port() -> int:
    """A port that is free, and that nothing is given by chance meanwhile: below those that clients get."""
    while True:
        port = random.randrange(10_000, 32_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
