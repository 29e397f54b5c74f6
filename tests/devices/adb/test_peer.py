"""The small daemon that stands for a phone in tests behaves to the adb program as a phone does."""

from __future__ import annotations

import os
import subprocess

import pytest

from tests.devices.peers.adbd_server import Adbd


@pytest.fixture
def attached(program: str, phone: Adbd) -> Adbd:
    said = adb(program, "connect", phone.address).stdout.decode()
    assert said.startswith("connected to")
    return phone


def adb(program: str, *words: str, data: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([program, *words], input=data, capture_output=True, timeout=60, check=False)


def test_it_is_listed_with_its_model(program: str, attached: Adbd) -> None:
    listed = adb(program, "devices", "-l").stdout.decode()
    assert f"{attached.address}" in listed
    assert "model:Peer" in listed
    assert adb(program, "-s", attached.address, "get-state").stdout == b"device\n"
    assert adb(program, "-s", attached.address, "features").stdout.split() == [b"shell_v2", b"cmd"]


@pytest.mark.parametrize(("command", "code"), [("true", 0), ("exit 7", 7), ("kill -9 $$", 137)])
def test_exit_codes(program: str, attached: Adbd, command: str, code: int) -> None:
    assert adb(program, "-s", attached.address, "shell", command).returncode == code


def test_outputs_and_input(program: str, attached: Adbd) -> None:
    data = os.urandom(3 << 20)
    done = adb(program, "-s", attached.address, "shell", "-T", "cat; echo err >&2", data=data)
    assert (done.returncode, done.stdout == data, done.stderr) == (0, True, b"err\n")


def test_a_key_has_to_be_allowed(program: str, phone: Adbd) -> None:
    phone.faults.secure = True
    assert b"failed to authenticate" in adb(program, "connect", phone.address).stdout
    assert adb(program, "-s", phone.address, "get-state").returncode == 1
    phone.allow.set()
    assert adb(program, "-s", phone.address, "wait-for-device").returncode == 0
    assert adb(program, "-s", phone.address, "shell", "exit 3").returncode == 3
    assert len(phone.keys) == 1


def test_a_known_key_is_enough(program: str, phone: Adbd) -> None:
    phone.faults.secure = True
    phone.allow.set()
    adb(program, "connect", phone.address)
    adb(program, "disconnect", phone.address)
    phone.allow.clear()
    adb(program, "connect", phone.address)
    assert adb(program, "-s", phone.address, "wait-for-device").returncode == 0
    assert len(phone.asked) == 1


def test_an_offline_phone(program: str, attached: Adbd) -> None:
    attached.faults.offline = True
    done = adb(program, "-s", attached.address, "shell", "true")
    assert done.returncode != 0
    assert b"error: closed" in done.stderr
