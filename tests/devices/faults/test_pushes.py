"""Pushes over bad lines to real daemons: what is whole there is right, and what has arrived is not sent again."""

from __future__ import annotations

import hashlib
import os
import random
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from lab.core.errors import DeviceFailedError, DeviceUnreachableError
from lab.devices.remote import push
from lab.devices.remote.device import RemoteDevice
from tests.devices.faults.ways import Way

pytestmark = pytest.mark.slow

PART = 64 << 10
SIZE = 5 * PART + 123
CUTS = 10  # places of a first cut; a second one, in the push that goes on, follows each


class Model:
    """A new file of random bytes, pushed as m/model.bin."""

    def __init__(self, way: Way, folder: Path, size: int = SIZE) -> None:
        self.data = os.urandom(size)
        self.sha256 = hashlib.sha256(self.data).hexdigest()
        self.path = folder / "model.bin"
        self.path.write_bytes(self.data)
        self.way = way

    def push(self, device: RemoteDevice) -> dict[str, int]:
        """Push; return what that took."""
        before = device.pushed()
        device.push(self.path, "m/model.bin")
        after = device.pushed()
        assert before is not None
        assert after is not None
        return {key: after[key] - before[key] for key in ("sent_bytes", "kept_bytes")}

    def store(self, device: RemoteDevice) -> dict[str, int]:
        """Return the sizes in the device's store by name."""
        return dict(device.stored())

    def assert_right(self, device: RemoteDevice) -> None:
        """It is there, whole and right, and nothing half is left of it."""
        there = device.push(self.path, "m/model.bin")
        assert self.way.ask(f"sha256sum {there}").split()[0] == self.sha256
        assert {name[64:] for name in self.store(device) if name.startswith(self.sha256)} == {""}

    def assert_not_wrong(self, device: RemoteDevice) -> None:
        """It is not there, or right."""
        if self.sha256 in self.store(device):
            self.assert_right(device)


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(push, "PART_BYTES", PART)


@pytest.fixture
def device(way: Way) -> Iterator[RemoteDevice]:
    with closing(way.device()) as found:
        found.facts()
        yield found
        found.clear()


@pytest.fixture(autouse=True)
def good_line(way: Way) -> Iterator[None]:
    yield
    way.proxy.rate_bytes_per_s, way.proxy.delay_s = None, 0.0
    way.proxy.black_hole(False)


@pytest.fixture
def model(way: Way, tmp_path: Path) -> Model:
    return Model(way, tmp_path)


def test_cut_anywhere_and_cut_again_while_it_goes_on(way: Way, device: RemoteDevice, tmp_path: Path) -> None:
    chance = random.Random(6)
    for number in range(CUTS):
        model = Model(way, tmp_path)
        way.proxy.cut_after(SIZE * number // CUTS + chance.randrange(SIZE // CUTS))
        with pytest.raises(DeviceUnreachableError):
            model.push(device)
        assert model.sha256 not in model.store(device)
        way.proxy.cut_after(chance.randrange(SIZE))
        with suppress(DeviceUnreachableError):  # what was left to send may end before the cut
            model.push(device)
        model.assert_not_wrong(device)
        way.proxy.forget()
        model.push(device)
        model.assert_right(device)


def test_after_a_cut_only_the_rest_is_sent(way: Way, device: RemoteDevice, model: Model) -> None:
    way.proxy.cut_after(3 * PART + PART // 2)
    with pytest.raises(DeviceUnreachableError):
        model.push(device)
    kept = model.push(device)["kept_bytes"]
    assert kept in (2 * PART, 3 * PART)  # the third part is on its way while its sum is
    model.assert_right(device)


def test_a_late_and_slow_line_does_no_harm(way: Way, device: RemoteDevice, model: Model) -> None:
    way.proxy.delay_s, way.proxy.rate_bytes_per_s = 0.02, 400_000
    assert model.push(device) == {"sent_bytes": SIZE, "kept_bytes": 0}
    model.assert_right(device)


def test_a_changed_byte_never_becomes_part_of_a_file(way: Way, device: RemoteDevice, model: Model) -> None:
    """ssh notices by itself and ends the connection. adb does not: the sum of the part does, and it is sent again."""
    way.proxy.corrupt(2 * PART + PART // 2)
    if way.name == "ssh":
        with pytest.raises(DeviceUnreachableError):
            model.push(device)
    else:
        before = way.proxy.passed["up"]
        model.push(device)
        assert way.proxy.passed["up"] - before > SIZE + PART
    model.assert_right(device)


def test_a_line_that_changes_every_part_is_an_error(way: Way, device: RemoteDevice, model: Model) -> None:
    way.proxy.corrupt_each(PART // 3)
    with pytest.raises((DeviceFailedError, DeviceUnreachableError)) as caught:
        model.push(device)
    way.proxy.forget()
    assert model.sha256 not in model.store(device)
    assert caught.value.exit_code == 4
    model.assert_right(device)


def test_a_line_that_falls_silent_is_given_up(
    way: Way, device: RemoteDevice, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(push, "STALL_S", 1.0)
    way.proxy.hole_after(2 * PART + PART // 2)
    with pytest.raises(DeviceFailedError, match="stands still"):
        model.push(device)
    way.proxy.black_hole(False)
    assert model.sha256 not in model.store(device)
    model.push(device)
    model.assert_right(device)
