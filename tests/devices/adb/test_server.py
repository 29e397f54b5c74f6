"""The way by an adb server: which phone, in which state, and what if the server goes."""

from __future__ import annotations

import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lab.core.errors import ConfigError, DeviceUnreachableError
from lab.devices.adb import choose, server
from lab.devices.adb.choose import Choice
from lab.devices.adb.connect import connect
from lab.devices.adb.listing import Attached
from lab.devices.link import Access
from tests.devices.adb.conftest import Reach, target
from tests.devices.peers.adbd_server import Adbd, adbd


@contextmanager
def scripted(monkeypatch: pytest.MonkeyPatch, *answers: bytes) -> Iterator[list[bytes]]:
    """A server that gives each connection the next answer, and keeps what it was asked."""
    requests: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", str(listener.getsockname()[1]))

        def serve() -> None:
            for answer in answers:
                connected, _ = listener.accept()
                with connected:
                    requests.append(connected.recv(int(connected.recv(4), 16)))
                    connected.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield requests
        thread.join()


def okay(text: str) -> bytes:
    return b"OKAY%04x%s" % (len(text), text.encode())


LISTED = (
    "A1B2C3                 device usb:1-2 product:raven model:Pixel_6_Pro device:raven transport_id:1\n"
    "192.168.1.7:5555       offline transport_id:2\n"
    "????????????           no permissions (missing udev rules?); see [http://x] usb:1-3 transport_id:3\n"
    "EVIL\x1b[31m           unauthorized model:a\x07b\n"
)


def test_the_servers_list_is_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    with scripted(monkeypatch, okay(LISTED)) as requests:
        found = server.attached()
    assert requests == [b"host:devices-l"]
    assert found == [
        Attached(
            "A1B2C3", "device", "Pixel 6 Pro", "usb:1-2", "1", ("product:raven", "model:Pixel_6_Pro", "device:raven")
        ),
        Attached("192.168.1.7:5555", "offline", transport="2"),
        Attached("????????????", "no permissions", "", "usb:1-3", "3"),
        Attached("EVIL[31m", "unauthorized", "ab", names=("model:ab",)),
    ]


def test_several_phones_and_no_word_on_which(monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        scripted(monkeypatch, okay(LISTED.replace("offline", "device"))),
        pytest.raises(DeviceUnreachableError, match=r"several phones: A1B2C3 \(Pixel 6 Pro\), 192\.168") as caught,
    ):
        Choice("pixel", "", "", Access()).phone()
    assert "[device].serial" in str(caught.value.hint)


def test_a_phone_that_is_listed_twice_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    twice = "127.0.0.1:5555         device model:Phone\nemulator-5554          device model:Phone\n"
    with scripted(monkeypatch, okay(twice)), pytest.raises(DeviceUnreachableError) as caught:
        Choice("pixel", "", "", Access()).phone()
    assert "5554 to 5585" in str(caught.value.hint)


def test_no_phone_at_all(program: str) -> None:
    with pytest.raises(DeviceUnreachableError, match="has no phone"):
        connect(target(backend="adb"), Access())


@pytest.mark.parametrize(
    ("state", "what", "hint"),
    [
        ("unauthorized", "has not allowed this computer", "Allow"),
        ("offline", "not usable: offline", "off and on again"),
        ("no permissions", "not usable: no permissions", "udev"),
        ("missing", "does not have A1", "lab devices"),
        ("bootloader", "not usable: bootloader", "lab devices"),
        ("device 'A1' not found", "does not have A1", "lab devices"),
        ("device unauthorized. Please check the dialog", "has not allowed", "Allow"),
    ],
)
def test_every_state_says_what_to_do(state: str, what: str, hint: str) -> None:
    error = Choice("pixel", "", "A1", Access()).trouble(state)
    assert what in error.what
    assert hint in str(error.hint)


def test_a_phone_that_is_offline_for_a_moment_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """So the server calls a phone whose connection was lost just now."""
    monkeypatch.setattr(choose, "RETRIES_S", (0.0, 0.0, 0.0))
    lines = [okay(f"h:1     {state} transport_id:2\n") for state in ("offline", "offline", "device")]
    told = [okay("disconnected h:1"), okay("connected to h:1")]
    with scripted(monkeypatch, lines[0], *told, lines[1], *told, lines[2]):
        assert Choice("pixel", "h:1", "", Access()).usable().serial == "h:1"


def test_who_refuses_the_connection_is_named(program: str) -> None:
    with pytest.raises(DeviceUnreachableError, match=r"pixel: failed to connect to.*127\.0\.0\.1:1\b") as caught:
        connect(target("127.0.0.1:1", "adb"), Access())
    assert "wireless debugging" in str(caught.value.hint)


def test_the_person_is_waited_for(reach: Reach, phone: Adbd, program: str) -> None:
    phone.faults.secure = True
    notes: list[str] = []

    def note(text: str) -> None:
        notes.append(text)
        phone.allow.set()  # the tap

    assert reach(phone, "adb", Access(note=note)).execute("exit 5", timeout_s=20).code == 5
    assert len(notes) == 1
    assert "Allow" in notes[0]


def test_nobody_taps(phone: Adbd, program: str) -> None:
    phone.faults.secure = True
    choice = Choice("pixel", phone.address, "", Access(), allow_s=0.3)
    with pytest.raises(DeviceUnreachableError, match="has not allowed"):
        choice.usable()


def test_a_killed_server_is_an_error_and_then_started_again(reach: Reach, phone: Adbd, program: str) -> None:
    link = reach(phone, "adb")

    def kill(data: bytes) -> None:
        subprocess.run([program, "kill-server"], check=True, capture_output=True)

    with pytest.raises(DeviceUnreachableError, match="the adb server stopped answering"):
        link.execute("echo started; exec sleep 600", timeout_s=60, on_stdout=kill)
    assert link.execute("exit 6", timeout_s=60).code == 6


def test_a_server_that_does_not_stay_is_started_once(
    phone: Adbd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = tmp_path / "adb"
    fake.write_text(f"#!/bin/sh\necho started >> {tmp_path}/log\n")
    fake.chmod(0o755)
    monkeypatch.setenv("ADB", str(fake))
    with pytest.raises(DeviceUnreachableError, match="the adb server stopped answering"):
        connect(target(phone.address, "adb"), Access())
    assert (tmp_path / "log").read_text() == "started\n"


def test_a_server_that_cannot_start_says_why(phone: Adbd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = tmp_path / "adb"
    fake.write_text("#!/bin/sh\necho 'cannot bind' >&2; exit 1\n")
    fake.chmod(0o755)
    monkeypatch.setenv("ADB", str(fake))
    with pytest.raises(DeviceUnreachableError, match="does not start: cannot bind"):
        connect(target(phone.address, "adb"), Access())


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.1 400 Bad Request\r\n", b"OKAYzzzz", b"OKAY0010cut", b"", okay("no number")]
)
def test_what_is_no_adb_server_is_an_error(answer: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    with scripted(monkeypatch, answer), pytest.raises(DeviceUnreachableError, match="stopped answering"):
        server.server_version()


def test_a_silent_server_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", str(listener.getsockname()[1]))
        with pytest.raises(DeviceUnreachableError, match="stopped answering"):
            server.ask("host:version", 0.2)


def test_the_second_of_two_phones_by_its_serial(program: str, phone: Adbd, tmp_path: Path) -> None:
    """What [device].serial is for; here the server's names for the phones are their addresses."""
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "mark").touch()
    with adbd(tmp_path / "other") as other:
        for one in (phone, other):
            subprocess.run([program, "connect", one.address], check=True, capture_output=True)
        link = connect(target(backend="adb", serial=other.address), Access())
        assert link.execute("ls", timeout_s=20).stdout == b"mark\n"
        link.close()
        with pytest.raises(DeviceUnreachableError, match="several phones"):
            connect(target(backend="adb"), Access())


@pytest.mark.parametrize(
    ("variables", "where"),
    [
        ({}, ("127.0.0.1", 5037)),
        ({"ANDROID_ADB_SERVER_PORT": "25037"}, ("127.0.0.1", 25037)),
        ({"ANDROID_ADB_SERVER_ADDRESS": "box"}, ("box", 5037)),
        ({"ADB_SERVER_SOCKET": "tcp:6000", "ANDROID_ADB_SERVER_PORT": "1"}, ("127.0.0.1", 6000)),
        ({"ADB_SERVER_SOCKET": "tcp:box:6000"}, ("box", 6000)),
    ],
)
def test_the_server_is_where_the_program_looks(
    variables: dict[str, str], where: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.delenv("ANDROID_ADB_SERVER_PORT")
        for name, value in variables.items():
            patch.setenv(name, value)
        assert server.server_address() == where


@pytest.mark.parametrize("name", ["ANDROID_ADB_SERVER_PORT", "ADB_SERVER_SOCKET"])
def test_a_server_that_cannot_be_is_an_error(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setenv(name, "unix:/x" if name == "ADB_SERVER_SOCKET" else "99999")
        with pytest.raises(ConfigError):
            server.server_address()
