"""Which phone of an adb server's list is meant, in the forms that real lists have."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.core.errors import DeviceUnreachableError
from lab.devices.adb import server
from lab.devices.adb.by_server import ServerLink
from lab.devices.adb.choose import Choice
from lab.devices.adb.discover import discover
from lab.devices.adb.listing import Attached, phones, pick
from lab.devices.link import Access
from lab.formats.target import at
from tests.devices.adb.conftest import target
from tests.devices.adb.lister import Lister, listing

CASES = Path(__file__).resolve().parents[2] / "cases" / "devices"
SPACED = "adb-2233fd19-9mU6UL (2)._adb-tls-connect._tcp"


def case(name: str) -> str:
    return (CASES / name).read_text()


@contextmanager
def serving(monkeypatch: pytest.MonkeyPatch, lines: str) -> Iterator[Lister]:
    with socket.create_server(("127.0.0.1", 0)) as place:
        monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", str(place.getsockname()[1]))
        with listing(lines, place) as lister:
            yield lister


def reached(lister: Lister, wanted: str = "") -> str:
    """The request that a command's connection begins with."""
    Choice("phone", "", wanted, Access()).transport().close()
    return lister.requests[-1]


def test_a_serial_with_a_blank_is_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """Phones that are found in the network have such names when they come back: adb_space_in_serial.txt."""
    (found,) = phones(case("adb_space_in_serial.txt"))
    assert (found.serial, found.state, found.model) == (SPACED, "device", "Pixel 8")
    with serving(monkeypatch, case("adb_space_in_serial.txt")) as lister:
        assert reached(lister) == f"host:transport:{SPACED}"
        assert reached(lister, SPACED) == f"host:transport:{SPACED}"


@pytest.mark.parametrize(
    ("line", "serial", "state"),
    [
        (
            "(no serial number)     device usb:1-4 product:x model:Y device:x transport_id:9",
            "(no serial number)",
            "device",
        ),
        ("0123\tdevice", "0123", "device"),
        ("device device transport_id:1", "device", "device"),
        ("A B offline", "A B", "offline"),
        ("1.2.3.4:5555           unauthorized transport_id:1", "1.2.3.4:5555", "unauthorized"),
        (
            "A1 no permissions (user in plugdev group; are your udev rules wrong?); see [http://d] usb:1-1",
            "A1",
            "no permissions",
        ),
        ("word", "word", ""),
    ],
)
def test_lines_of_real_lists(line: str, serial: str, state: str) -> None:
    (found,) = phones(line + "\n")
    assert (found.serial, found.state) == (serial, state)


def test_the_one_usable_phone_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside an emulator that is offline: adb_offline_emulator.txt."""
    with serving(monkeypatch, case("adb_offline_emulator.txt")) as lister:
        assert reached(lister) == "host:transport:RF8M33ABCDE"
        with pytest.raises(DeviceUnreachableError, match="not usable: offline"):
            reached(lister, "emulator-5554")


def test_clones_are_told_apart_by_where_they_are_plugged_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two phones with one serial: adb_clones.txt."""
    with serving(monkeypatch, case("adb_clones.txt")) as lister:
        for name, number in (("usb:1-2", 56), ("usb:1-3", 57), ("transport:57", 57)):
            spec = at(target(), name)
            assert reached(lister, spec.device.serial) == f"host:transport-id:{number}"
        for wanted in ("", "0123456789ABCDEF"):
            with pytest.raises(DeviceUnreachableError, match=r"usb:1-2 \(Tab X\), usb:1-3 \(Tab X\)") as several:
                reached(lister, wanted)
            assert "--at 'usb:1-2'" in (several.value.hint or "")
        assert [phone.serial for phone in discover({}).phones] == ["usb:1-2", "usb:1-3"]
        facts = [ServerLink(Choice("phone", "", name, Access())).facts() for name in ("usb:1-2", "transport:57")]
        assert [one["link_port"] for one in facts] == ["usb:1-2", "usb:1-3"]  # so each has a lock and a series


def test_one_phone_that_is_listed_twice_has_to_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """By its address and by the name it has in the network: adb_one_phone_twice.txt."""
    with serving(monkeypatch, case("adb_one_phone_twice.txt")) as lister:
        with pytest.raises(DeviceUnreachableError, match=r"several phones: 192\.168\.86\.190:37571") as several:
            reached(lister)
        assert "--at '192.168.86.190:37571'" in (several.value.hint or "")
        assert "[device].serial" in (several.value.hint or "")


def test_a_phone_without_a_serial_is_reached_by_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    line = "(no serial number)     device usb:1-4 product:x model:Y device:x transport_id:9\n"
    with serving(monkeypatch, line) as lister:
        assert reached(lister) == "host:transport-id:9"


def test_the_environment_names_a_phone_as_for_adb(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = case("adb_offline_emulator.txt") + "OTHER                  device usb:1-9 transport_id:4\n"
    monkeypatch.setenv("ANDROID_SERIAL", "OTHER")
    with serving(monkeypatch, lines) as lister:
        assert reached(lister) == "host:transport:OTHER"
        assert reached(lister, "RF8M33ABCDE") == "host:transport:RF8M33ABCDE"  # what the target says comes first
        monkeypatch.setenv("ANDROID_SERIAL", "model:SM_S921B")
        assert reached(lister) == "host:transport:RF8M33ABCDE"
        monkeypatch.setenv("ANDROID_SERIAL", "GONE")
        with pytest.raises(DeviceUnreachableError, match="does not have GONE"):
            reached(lister)


@pytest.mark.parametrize("spelling", ["tcp:[::1]:{}", "tcp:localhost:{}", "tcp:127.0.0.1:{}", "tcp:{}"])
def test_a_server_is_found_where_the_variable_says(monkeypatch: pytest.MonkeyPatch, spelling: str) -> None:
    family = socket.AF_INET6 if "::1" in spelling else socket.AF_INET
    host = "::1" if "::1" in spelling else "127.0.0.1"
    with socket.create_server((host, 0), family=family) as place:
        monkeypatch.setenv("ADB_SERVER_SOCKET", spelling.format(place.getsockname()[1]))
        with listing("A1 device\n", place):
            assert server.attached() == [Attached("A1", "device")]


@pytest.mark.parametrize("kind", ["localfilesystem", "localabstract"])
def test_a_server_may_listen_on_a_local_socket(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kind: str) -> None:
    name = f"{tmp_path}/adb.sock"
    with socket.socket(socket.AF_UNIX) as place:
        place.bind(name if kind == "localfilesystem" else f"\0{name}")
        place.listen()
        monkeypatch.setenv("ADB_SERVER_SOCKET", f"{kind}:{name}")
        with listing("A1 device\n", place):
            assert server.attached() == [Attached("A1", "device")]


def test_no_server_at_a_local_socket_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ADB_SERVER_SOCKET", f"localfilesystem:{tmp_path}/none")
    with pytest.raises(server.NoServerError, match=f"no adb server at {tmp_path}/none"):
        server.attached()


@given(st.lists(st.text(max_size=60), max_size=4))
def test_no_list_stops_it(lines: list[str]) -> None:
    listed = phones("\n".join(lines))
    assert all("\x1b" not in one.serial + one.state + one.model for one in listed)
    try:
        pick(listed, "", "phone")
    except DeviceUnreachableError:
        return


@given(
    serial=st.from_regex(r"[!-~]([ -~]{0,30}[!-~])?", fullmatch=True),
    state=st.sampled_from(["device", "offline", "unauthorized"]),
)
def test_any_serial_is_whole(serial: str, state: str) -> None:
    (found,) = phones(f"{serial:<22} {state} usb:1-2 product:p model:m device:d transport_id:7\n")
    assert (found.serial, found.state, found.transport) == (serial, state, "7")
