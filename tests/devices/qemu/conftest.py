from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab.devices.qemu.image import Image
from lab.devices.qemu.phone import start_phone
from lab.devices.qemu.running import Guest
from tests.devices import emulated


@pytest.fixture(scope="session")
def phone_image() -> Image:
    return emulated.image("phone")


@pytest.fixture(scope="session")
def machine_image() -> Image:
    return emulated.image("machine")


@pytest.fixture(scope="module")
def phone(phone_image: Image) -> Iterator[Guest]:
    guest = start_phone(emulated.target("phone"), phone_image)
    yield guest
    guest.running.close()


@pytest.fixture(scope="module")
def adb(phone: Guest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[emulated.Adb]:
    with emulated.adb(tmp_path_factory.mktemp("adb-home"), phone.port) as found:
        yield found
