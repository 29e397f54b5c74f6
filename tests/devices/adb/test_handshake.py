"""Being let in by a phone's daemon, or not, when lab speaks to it itself."""

from __future__ import annotations

import base64
import socket
import threading
from pathlib import Path

import pytest

from lab.core.errors import DeviceError, DeviceUnreachableError
from lab.devices.adb import connect as connecting
from lab.devices.adb.handshake import Greeter
from lab.devices.adb.keys import load_keys
from lab.devices.link import Access
from tests.devices.adb.conftest import Reach, target
from tests.devices.peers.adbd_server import Adbd


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait as short as a test likes."""

    def greeter(keys: object, note: object) -> Greeter:
        return Greeter(keys, note, answer_s=0.3, allow_s=0.3)  # type: ignore[arg-type]

    monkeypatch.setattr(connecting, "Greeter", greeter)


def test_a_known_key_is_let_in_without_a_word(reach: Reach, phone: Adbd) -> None:
    phone.faults.secure = True
    phone.keys.append(load_keys()[0].public())
    notes: list[str] = []
    assert reach(phone, access=Access(note=notes.append)).execute("echo in", timeout_s=20).stdout == b"in\n"
    assert (notes, phone.asked) == ([], [])


def test_the_second_key_is_tried_too(
    reach: Reach, phone: Adbd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from adb_shell.auth.keygen import keygen

    vendor = tmp_path / "vendor.adb_key"
    keygen(str(vendor))
    vendor.chmod(0o600)
    monkeypatch.setenv("ADB_VENDOR_KEYS", str(tmp_path))
    phone.faults.secure = True
    phone.keys.append(load_keys()[1].public())
    assert reach(phone).execute("true", timeout_s=20).code == 0
    assert phone.asked == []


def test_the_person_is_told_and_waited_for(reach: Reach, phone: Adbd) -> None:
    phone.faults.secure = True
    notes: list[str] = []

    def note(text: str) -> None:
        notes.append(text)
        phone.allow.set()  # the tap

    assert reach(phone, access=Access(note=note)).execute("true", timeout_s=20).code == 0
    assert len(notes) == 1
    assert "Allow" in notes[0]
    assert phone.asked[0].startswith(base64.b64encode((64).to_bytes(4, "little"))[:4])


@pytest.mark.usefixtures("impatient")
def test_nobody_taps(reach: Reach, phone: Adbd) -> None:
    phone.faults.secure = True
    with pytest.raises(DeviceUnreachableError, match="has not allowed this computer") as caught:
        reach(phone)
    assert "Allow" in str(caught.value.hint)
    assert caught.value.exit_code == 4


@pytest.mark.usefixtures("impatient")
def test_a_good_key_may_be_refused_all_the_same(reach: Reach, phone: Adbd) -> None:
    phone.faults.secure = phone.faults.refuse_keys = True
    phone.keys.append(load_keys()[0].public())
    with pytest.raises(DeviceUnreachableError, match="has not allowed"):
        reach(phone)
    assert len(phone.asked) == 1


@pytest.mark.usefixtures("impatient")
def test_a_silent_daemon(reach: Reach, phone: Adbd) -> None:
    phone.faults.silent = True
    with pytest.raises(DeviceUnreachableError, match=r"pixel: its adb daemon said nothing for 0\.3 s"):
        reach(phone)


@pytest.mark.slow
def test_a_daemon_that_leaves_in_the_middle_of_a_greeting(reach: Reach, phone: Adbd, way: str) -> None:
    phone.faults.cut_after_bytes = 20
    with pytest.raises(DeviceUnreachableError) as caught:
        reach(phone, way)
    assert caught.value.hint


def test_a_phone_that_wants_tls_is_sent_to_the_adb_program(reach: Reach, phone: Adbd) -> None:
    phone.faults.wants_tls = True
    with pytest.raises(DeviceUnreachableError, match="paired computers only") as caught:
        reach(phone)
    assert "lab devices pair" in str(caught.value.hint)


def test_a_phone_before_android_7_is_refused_with_the_reason(reach: Reach, phone: Adbd, way: str) -> None:
    phone.faults.features = "cmd"
    with pytest.raises(DeviceError, match="no shell_v2") as caught:
        reach(phone, way).execute("true", timeout_s=20)
    assert caught.value.hint == "lab needs Android 7 or newer"


def test_an_older_daemon_gets_checksums_and_small_messages(reach: Reach, phone: Adbd, way: str) -> None:
    phone.faults.version, phone.faults.max_payload = 0x01000000, 4096
    answer = reach(phone, way).execute("cat", timeout_s=60, feed=[b"0123456789"] * 10_000)
    assert answer.stdout == b"0123456789" * 10_000


def test_who_does_not_speak_adb_is_told_from_a_phone() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connected, _ = listener.accept()
            with connected:
                connected.recv(1 << 16)
                connected.sendall(b"HTTP/1.1 400 Bad Request\r\n" * 10)

        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(DeviceUnreachableError, match="does not speak adb"):
            connecting.connect(target(f"127.0.0.1:{listener.getsockname()[1]}", "adb-shell"), Access())
        thread.join()


def test_nobody_listens() -> None:
    with pytest.raises(DeviceUnreachableError, match=r"no answer at 127\.0\.0\.1:1: Connection refused") as caught:
        connecting.connect(target("127.0.0.1:1", "adb-shell"), Access())
    assert "port" in str(caught.value.hint)


def test_what_a_phone_says_reaches_no_terminal_as_it_is(reach: Reach, phone: Adbd) -> None:
    phone.faults.features = "shell_v2,\x1b[31mred,cmd"
    assert reach(phone).facts()["link_adb_features"] == "[31mred cmd shell_v2"


def test_only_a_token_of_twenty_bytes_is_signed() -> None:
    """Whoever may choose what is signed could have anything signed."""
    ours, theirs = socket.socketpair()
    from lab.devices.adb.wire import TcpWire
    from tests.devices.peers.adbd_wire import Line, Message

    class PairWire(TcpWire):
        def __init__(self, connected: socket.socket) -> None:
            self._socket = connected

    def ask() -> None:
        line = Line(theirs, None)
        line.receive()
        line.send(Message(b"AUTH", 1, 0, b"a whole document that somebody wants signed"))

    thread = threading.Thread(target=ask)
    thread.start()
    with ours, theirs, pytest.raises(DeviceUnreachableError, match="makes no sense"):
        Greeter(load_keys).greet(PairWire(ours), "pixel")
    thread.join()
