"""Which phone a target means, and who speaks to it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from lab.core.errors import ConfigError, DeviceUnreachableError
from lab.devices.adb import connect as connecting
from lab.devices.adb import usb
from lab.devices.adb.by_server import ServerLink
from lab.devices.adb.connect import check, connect
from lab.devices.adb.direct import DirectLink
from lab.devices.link import Access
from tests.devices.adb.conftest import Reach, target
from tests.devices.adb.fake_usb import FakeUsb
from tests.devices.peers.adbd_server import Adbd


@pytest.fixture
def no_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADB", "/nowhere/adb")


@pytest.mark.parametrize(
    ("address", "serial", "words"),
    [
        ("10.0.0.7:37099", "", "adb to 10.0.0.7:37099"),
        ("phone.lan", "", "adb to phone.lan:5555"),
        ("fd00::7:5555", "", "adb to [fd00::7]:5555"),
    ],
)
def test_a_target_says_which_phone(address: str, serial: str, words: str) -> None:
    assert check(target(address, "adb-shell", serial)) == words


@pytest.mark.parametrize("address", ["phone:", "phone:0", "phone:65536", "phone:5x", "phone:-1"])
def test_an_address_that_is_none_is_named_with_its_place(address: str) -> None:
    with pytest.raises(ConfigError, match=r"targets/pixel\.toml: \[adb\]\.address: "):
        check(target(address, "adb-shell"))


@pytest.mark.usefixtures("no_program")
def test_what_is_not_installed_is_said_before_anything_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connecting, "find_spec", lambda name: None)
    for backend, missing in (("adb", "adb program"), ("adb-shell", "libusb1"), ("auto", "libusb1")):
        with pytest.raises(ConfigError, match=missing) as caught:
            check(target(backend=backend))
        assert "install" in str(caught.value.hint)
    assert check(target("10.0.0.7:5555")) == "adb to 10.0.0.7:5555"  # an address needs nothing


def test_usb_needs_its_package_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "usb1", None)
    monkeypatch.delitem(sys.modules, "adb_shell.transport.usb_transport", raising=False)
    with pytest.raises(ConfigError, match="libusb1") as caught:
        usb.attached()
    assert "phi-lab[usb]" in str(caught.value.hint)


def test_auto_speaks_itself_to_an_address_that_no_server_holds(phone: Adbd) -> None:
    link = connect(target(phone.address), Access())
    assert isinstance(link, DirectLink)
    link.close()


def test_auto_leaves_a_phone_to_the_server_that_holds_it(phone: Adbd, program: str) -> None:
    subprocess.run([program, "connect", phone.address], check=True, capture_output=True)
    for spec in (target(phone.address), target(serial=phone.address), target()):
        link = connect(spec, Access())
        assert isinstance(link, ServerLink)
        assert link.execute("exit 2", timeout_s=20).code == 2
        link.close()


def test_auto_without_an_address_starts_the_program_if_there_is_one(program: str) -> None:
    with pytest.raises(DeviceUnreachableError, match="the adb server has no phone"):
        connect(target(), Access())


@pytest.mark.usefixtures("no_program")
def test_auto_without_program_and_server_takes_usb(phone: Adbd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connecting, "find_spec", lambda name: name)
    monkeypatch.setattr(usb, "attached", lambda: [FakeUsb(phone.port, "A1")])
    link = connect(target(), Access())
    assert link.facts()["link"].startswith("adb over USB (adb-shell ")
    link.close()


@pytest.mark.parametrize(
    ("serials", "wanted", "what"),
    [
        ([], "", "no phone on USB"),
        (["A1"], "B2", "no phone called B2 on USB"),
        (["A1", "B2"], "", "several phones on USB: A1, B2"),
        (["A1", ""], "", "the phone A1 on USB can't be opened"),  # the only one that this user may open
        (["", ""], "", r"several phones on USB: \(no permission\), \(no permission\)"),
    ],
)
def test_which_phone_on_usb(serials: list[str], wanted: str, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usb, "attached", lambda: [FakeUsb(1, serial) for serial in serials])
    with pytest.raises(DeviceUnreachableError, match=what) as caught:
        usb.plug_in(wanted, 1)
    assert caught.value.hint


def test_clones_on_usb_are_told_apart_by_their_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    clones = [FakeUsb(1, "0123", (1, 2)), FakeUsb(1, "0123", (1, 4, 3))]  # nobody listens on port 1
    monkeypatch.setattr(usb, "attached", lambda: clones)
    for wanted in ("", "0123"):
        with pytest.raises(DeviceUnreachableError, match=r"several phones on USB: usb:1-2, usb:1-4\.3"):
            usb.plug_in(wanted, 1)
    with pytest.raises(DeviceUnreachableError, match=r"the phone usb:1-4\.3 on USB can't be opened"):
        usb.plug_in("usb:1-4.3", 1)


def test_a_clone_on_usb_has_its_port_in_its_name(phone: Adbd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connecting, "find_spec", lambda name: object())
    clones = [FakeUsb(phone.port, "0123", (1, 2)), FakeUsb(1, "0123", (1, 3))]
    monkeypatch.setattr(usb, "attached", lambda: clones)
    link = connect(target(backend="adb-shell", serial="usb:1-2"), Access())
    assert link.facts()["link_port"] == "usb:1-2"
    link.close()
    monkeypatch.setattr(usb, "attached", lambda: [FakeUsb(phone.port, "0123", (1, 2))])
    alone = connect(target(backend="adb-shell"), Access())
    assert "link_port" not in alone.facts()
    alone.close()


def test_a_phone_on_usb_that_is_held_says_by_whom(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usb, "attached", lambda: [FakeUsb(1, "A1")])  # nobody listens on port 1
    with pytest.raises(DeviceUnreachableError, match="the phone A1 on USB can't be opened") as caught:
        usb.plug_in("", 1)
    assert "adb kill-server" in str(caught.value.hint)


def test_a_failed_greeting_leaves_no_connection_behind(reach: Reach, phone: Adbd) -> None:
    phone.faults.wants_tls = True
    with pytest.raises(DeviceUnreachableError):
        reach(phone)
    (line,) = phone.lines
    assert line.left.wait(60)
