"""The transport as lab uses it: a target in, a link out, and the device gone when the link is closed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lab.core.errors import ConfigError, DeviceError, DeviceUnreachableError
from lab.devices.link import Access, Link
from lab.devices.qemu.connect import check
from lab.devices.qemu.image import Image
from lab.devices.registry import connect, open_device
from lab.formats.target import load_target
from lab.formats.transports import SshSpec
from tests.devices import emulated


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LAB_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def phone_link(home: Path, phone_image: Image) -> Iterator[Link]:
    emulated.share_images(home)
    with closing(connect(load_target("emulated-phone"), Access())) as link:
        yield link


@pytest.fixture
def machine_link(home: Path, machine_image: Image) -> Iterator[Link]:
    emulated.share_images(home)
    target = replace(load_target("qemu-arm64"), ssh=SshSpec(user="root"))
    with closing(connect(target, Access())) as link:
        yield link


def test_a_target_must_name_an_image(home: Path) -> None:
    with pytest.raises(ConfigError, match=r"\[qemu\].image: which image"):
        check(emulated.target("phone", image=""))


def test_without_its_image_it_says_how_to_build_it(home: Path) -> None:
    with pytest.raises(DeviceError, match="no image 'phone'") as caught:
        connect(load_target("emulated-phone"), Access())
    assert "lab devices build phone" in str(caught.value.hint)


def test_the_phone_of_the_built_in_target(phone_link: Link) -> None:
    taken: list[bytes] = []
    answer = phone_link.execute("cat; echo err >&2; exit 9", timeout_s=60, feed=[b"in"], on_stdout=taken.append)
    assert (answer.code, b"".join(taken), answer.stderr) == (9, b"in", b"err\n")
    assert_emulated(phone_link.facts(), "qemu-user 7.")


def test_the_phone_tells_its_gpu(home: Path, phone_image: Image) -> None:
    emulated.share_images(home)
    with closing(open_device(load_target("emulated-phone"), Access())) as device:
        assert device.facts()["gpu"] == {"name": "Adreno650v2", "cores": None}
        state = device.state(window_s=0)
    assert (state["gpu_busy_fraction"], state["gpu_mhz"]) == (0.25, 587.0)


def test_a_closed_phone_is_gone(phone_link: Link) -> None:
    phone_link.close()
    phone_link.close()
    with pytest.raises(DeviceUnreachableError):
        phone_link.execute("true", timeout_s=60)


def boot_id(link: Link) -> bytes:
    """Return what is another at each boot; nothing while the machine is not there."""
    try:
        return link.execute("cat /proc/sys/kernel/random/boot_id", timeout_s=120).stdout
    except DeviceUnreachableError:
        return b""


@pytest.mark.slow
def test_a_machine_that_reboots_is_reached_again(machine_link: Link) -> None:
    before = boot_id(machine_link)
    machine_link.execute("reboot", timeout_s=120)
    after = (boot_id(machine_link) for _ in range(120))
    assert next(found for found in after if found not in (b"", before))


@pytest.mark.slow
def test_the_machine_of_the_built_in_target_and_its_death(machine_link: Link) -> None:
    answer = machine_link.execute("cat; id -un; exit 9", timeout_s=120, feed=[b"in "])
    assert (answer.code, answer.stdout) == (9, b"in root\n")
    assert_emulated(machine_link.facts(), "qemu-system-aarch64 7.")
    with pytest.raises(DeviceUnreachableError, match="the emulator has ended"):
        machine_link.execute("busybox poweroff -f; sleep 1000", timeout_s=120)


def assert_emulated(facts: dict[str, Any], emulator: str) -> None:
    assert facts["emulator"].startswith(emulator)
    assert facts["emulated_cpu"] == "cortex-a76"
    assert facts["link"]
