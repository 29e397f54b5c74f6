"""Which host is this: boards whose cards were written from one image have one machine-id."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.devices.identity import board_serial, host_serial
from lab.devices.local import LocalDevice
from lab.devices.readings.files import LocalFiles
from lab.formats.target import TargetSpec
from lab.formats.transports import DeviceSpec
from tests.devices import fake_root

TARGET = TargetSpec(schema=1, name="here", description="", device=DeviceSpec(transport="local"))
MACHINE_ID = fake_root.FILES["/etc/machine-id"].strip()
PI = "processor\t: 0\n\nHardware\t: BCM2835\nSerial\t\t: 10000000a3b4c5d6\nModel\t\t: Raspberry Pi 4\n"


def serial(root: Path, **files: str) -> str:
    return LocalDevice(TARGET, files=LocalFiles(fake_root.write(root, dict(files)))).serial


def test_two_boards_of_one_image_are_two(tmp_path: Path) -> None:
    tree = "/proc/device-tree/serial-number"
    found = {serial(tmp_path / name, **{tree: f"10000000{name}\0"}) for name in ("a3b4c5d6", "0badcafe")}
    assert found == {"board-10000000a3b4c5d6", "board-100000000badcafe"}


def test_a_processor_may_have_the_number(tmp_path: Path) -> None:
    assert serial(tmp_path, **{"/proc/cpuinfo": PI}) == "board-10000000a3b4c5d6"


def test_a_host_without_one_keeps_the_serial_that_it_had(tmp_path: Path) -> None:
    assert serial(tmp_path) == f"local-{MACHINE_ID}"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0000000000000000",
        "unknown",
        "0123456789ABCDEF",
        "123456789",
        "a b c d",
        "To be filled by O.E.M.",
        "0x0",
        "None",
        "abc",
    ],
)
def test_what_nobody_filled_in_is_no_number(text: str) -> None:
    assert board_serial(text, None) is None
    assert board_serial(None, f"Serial\t\t: {text}\n") is None
    assert host_serial(None, "ab" * 16, "box") == "local-" + "ab" * 16
    assert host_serial(None, None, "box") == "host-box"
