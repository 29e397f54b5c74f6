"""What phones are found, and which targets mean them."""

from __future__ import annotations

import subprocess
from dataclasses import replace

import pytest

from lab.core.errors import ConfigError, LabError
from lab.devices.adb import usb
from lab.devices.adb.discover import Phone, discover
from lab.formats.target import TargetSpec
from lab.formats.transports import DeviceSpec
from tests.devices.adb.conftest import target
from tests.devices.adb.fake_usb import FakeUsb
from tests.devices.peers.adbd_server import Adbd


def named(name: str, spec: TargetSpec) -> tuple[str, TargetSpec]:
    return name, replace(spec, name=name)


@pytest.fixture
def no_usb(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise ConfigError("phones on USB need the package libusb1", hint="pip install it")

    monkeypatch.setattr(usb, "attached", missing)


@pytest.mark.usefixtures("no_usb")
def test_phones_of_the_server_and_the_targets_that_mean_them(phone: Adbd, program: str) -> None:
    subprocess.run([program, "connect", phone.address], check=True, capture_output=True)
    targets: dict[str, TargetSpec | LabError] = dict(
        [
            named("by-address", target(phone.address)),
            named("by-serial", target(serial=phone.address)),
            named("the-only-one", target()),
            named("another", target("10.0.0.7")),
            named("board", replace(target(), device=DeviceSpec("ssh"))),
        ]
    )
    found = discover({**targets, "bad": LabError("cannot be read")})
    names = ("by-address", "by-serial", "the-only-one")
    assert found.phones == [Phone(phone.address, "device", "adb server", "Peer", names)]
    assert found.elsewhere == {"another": "10.0.0.7:5555"}
    assert found.not_asked == ["phones on USB need the package libusb1 (pip install it)"]


def test_phones_on_usb_without_anything_of_adb(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADB", "/nowhere/adb")
    monkeypatch.setattr(usb, "attached", lambda: [FakeUsb(1, "A1\x1b[31m"), FakeUsb(1, ""), FakeUsb(1, "")])
    found = discover(dict([named("the-only-one", target())]))
    assert [(phone.serial, phone.state, phone.targets) for phone in found.phones] == [
        ("A1[31m", "device", ("the-only-one",)),
        ("", "no permissions", ()),
        ("", "no permissions", ()),
    ]
    assert found.elsewhere == {}  # as adb, which leaves out what this user may not open
    assert "the adb program is not installed" in found.not_asked[0]
