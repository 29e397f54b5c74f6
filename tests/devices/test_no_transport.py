"""A device that can only be compiled for: asking for it says what is missing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab.core.errors import DeviceError
from lab.devices.registry import check_transport, open_device
from lab.formats.target import load_target

IPHONE = load_target("iphone15")


def test_an_iphone_says_what_is_missing() -> None:
    with pytest.raises(DeviceError, match="iphone15 compiles only") as caught:
        open_device(IPHONE).facts()
    assert all(word in str(caught.value.hint) for word in ("app", "signed", "Xcode", "runtime"))


def test_another_device_says_how_to_reach_it() -> None:
    other = replace(IPHONE, name="mine", compile=replace(IPHONE.compile, mtriple="arm64-apple-macos"))
    with pytest.raises(DeviceError, match="mine compiles only") as caught:
        open_device(other).facts()
    assert "transport" in str(caught.value.hint)


def test_its_file_is_right_all_the_same() -> None:
    assert check_transport(IPHONE) == "none: compiles only"
