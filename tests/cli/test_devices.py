"""`lab devices` and `lab devices pair`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lab.devices.adb import discover
from lab.devices.adb.discover import Found, Phone
from tests.cli.conftest import Lab

Show = Callable[[Found], None]


@pytest.fixture
def show(monkeypatch: pytest.MonkeyPatch) -> Show:
    """Have lab find what the test says."""
    return lambda found: monkeypatch.setattr(discover, "discover", lambda targets: found)


@pytest.fixture
def adb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Have $ADB be a shell script; returns the file that it may write what it was asked to."""

    def install(script: str) -> Path:
        program, log = tmp_path / "adb", tmp_path / "log"
        program.write_text(f"#!/bin/sh\nLOG={log}\n{script}\n")
        program.chmod(0o755)
        monkeypatch.setenv("ADB", str(program))
        return log

    return install


PHONES = Found(
    [
        Phone("A1B2C3", "device", "adb server", "Pixel 6 Pro", ("pixel", "pixel-gpu")),
        Phone("192.168.1.7:5555", "unauthorized", "adb server"),
        Phone("", "no permissions", "USB"),
    ],
    ["no adb server runs (install adb)"],
    {"old-phone": "Z9"},
)


def test_phones_are_a_line_each_with_what_to_do(lab: Lab, show: Show) -> None:
    show(PHONES)
    ran = lab("devices")
    assert ran.code == 0
    assert ran.out.splitlines() == [
        "Phone             State           Seen by     Model        Targets",
        "───────────────────────────────────────────────────────────────────────────",
        "A1B2C3            ready           adb server  Pixel 6 Pro  pixel, pixel-gpu",
        "192.168.1.7:5555  unauthorized    adb server  –            none",
        "(unknown)         no permissions  USB         –            none",
        '! 192.168.1.7:5555: unlock the phone and tap "Allow"',
        "! phone: apt-get install android-sdk-platform-tools-common, and plug the phone in again",
        "",
        "old-phone: Z9 is not listed; 'lab targets check old-phone --connect' asks it",
        "",
        "not asked: no adb server runs (install adb)",
    ]


def test_usb_that_only_the_adb_server_can_ask_is_no_gap(lab: Lab, show: Show) -> None:
    show(Found([], ["phones on USB need the package libusb1 (or install the adb program)"], {}, ["adb server"]))
    assert "libusb1" not in lab("devices").out
    assert lab("devices", "--json").document["asked"] == ["adb server"]


def test_targets_that_name_no_phone_say_why_they_have_none(lab: Lab, show: Show) -> None:
    unnamed = {"galaxy-s24": "", "pixel8": ""}
    show(Found(elsewhere=unnamed))
    assert lab("devices").out.splitlines()[-1] == "galaxy-s24, pixel8: no phone attached"
    show(Found([Phone("A1", "device", "adb server"), Phone("B2", "device", "adb server")], elsewhere=unnamed))
    ran = lab("devices")
    assert "galaxy-s24, pixel8: several phones attached: choose one with --at" in ran.out
    assert "not listed" not in ran.out


def test_nothing_found_says_how_to_make_a_phone_appear(lab: Lab, show: Show) -> None:
    show(Found())
    ran = lab("devices")
    assert ran.code == 0
    assert ran.out.startswith("no phones\n")
    assert "USB debugging" in ran.out
    assert "lab devices pair" in ran.out


def test_json_has_the_same(lab: Lab, show: Show) -> None:
    show(PHONES)
    document = lab("devices", "--json").document
    first = {"serial": "A1B2C3", "state": "device", "way": "adb server", "model": "Pixel 6 Pro"}
    assert document["phones"][0] == {**first, "targets": ["pixel", "pixel-gpu"]}
    assert document["elsewhere"] == {"old-phone": "Z9"}
    assert document["not_asked"] == ["no adb server runs (install adb)"]


KNOWS = 'if [ "$1" = help ]; then echo " pair HOST[:PORT] [PAIRING CODE]"; exit; fi\n'


def test_pairing_hands_the_code_over_where_no_process_list_shows_it(lab: Lab, adb: Callable[[str], Path]) -> None:
    log = adb(KNOWS + 'read code; echo "$* / $code" > $LOG; echo "Enter pairing code: Successfully paired to $2"')
    ran = lab("devices", "pair", "192.168.1.7:37099", "123456")
    assert ran.code == 0
    assert log.read_text() == "pair 192.168.1.7:37099 / 123456\n"
    assert ran.out.splitlines()[0] == "Successfully paired to 192.168.1.7:37099"
    assert "adb connect 192.168.1.7:PORT" in ran.out


def test_a_phone_that_refuses_leaves_with_4(lab: Lab, adb: Callable[[str], Path]) -> None:
    adb(KNOWS + 'echo "Enter pairing code: Failed: \x1b[31mWrong password."')
    ran = lab("devices", "pair", "192.168.1.7:37099", "123456")
    assert ran.code == 4
    assert "not paired with 192.168.1.7:37099: Failed: [31mWrong password." in ran.err
    assert "\x1b" not in ran.err


def test_an_adb_that_is_too_old_says_which_is_needed(lab: Lab, adb: Callable[[str], Path]) -> None:
    adb('if [ "$1" = version ]; then echo "Version 29.0.6-debian"; fi')
    ran = lab("devices", "pair", "192.168.1.7:37099", "123456")
    assert ran.code == 1
    assert "adb 29.0.6 cannot pair" in ran.err
    assert "adb 30 or newer" in ran.err


def test_without_adb_it_says_how_to_get_one(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADB", "/nowhere/adb")
    ran = lab("devices", "pair", "192.168.1.7:37099", "123456")
    assert ran.code == 1
    assert "apt-get install adb" in ran.err


@pytest.mark.parametrize("address", ["192.168.1.7", "-s:1", "phone:0", "phone:99999", "a b:1", ""])
def test_an_address_that_is_none_is_wrong_usage(address: str, lab: Lab) -> None:
    ran = lab("devices", "pair", "--", address, "123456")
    assert ran.code == 2
    assert "is not HOST:PORT" in ran.err


@pytest.mark.parametrize("code", ["12345", "abcdef", "1234567", "٣٣٣٣٣٣"])
def test_a_code_that_is_none_is_wrong_usage(code: str, lab: Lab, adb: Callable[[str], Path]) -> None:
    log = adb(KNOWS + "touch $LOG")
    assert lab("devices", "pair", "192.168.1.7:37099", code).code == 2
    assert not log.exists()
