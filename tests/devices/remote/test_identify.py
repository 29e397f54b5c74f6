"""The first answer of a device: what is sane is taken, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lab.core.errors import DeviceError, DeviceUnreachableError
from lab.devices.link import Answer
from lab.devices.readings.system_log import telling_lines
from lab.devices.remote import identify
from lab.devices.remote.device import RemoteDevice
from lab.devices.remote.identify import greet
from lab.devices.remote.shell import Shell, Tools
from lab.devices.remote.snapshot import Snapshot, command
from tests.devices.shell_link import ShellLink, shell_device, target

SOUND = {
    "uid": "2000",
    "arch": "aarch64",
    "cores": "9",
    "page_size": "4096",
    "serialno": "28041FDH2000XY",
    "android": "yes",
    "flock": "yes",
    "sha256sum": "yes",
    "work": "/data/local/tmp/lab",
}


class Scripted:
    """A link that gives one answer to everything."""

    def __init__(self, said: dict[str, str], code: int = 0) -> None:
        self.answer = Answer(code, "".join(f"{key}={value}\n" for key, value in said.items()).encode(), b"")

    def facts(self) -> dict[str, Any]:
        return {}

    def execute(
        self,
        command: str,
        *,
        timeout_s: float,
        stall_s: float | None = None,
        feed: Iterable[bytes] | None = None,
        on_stdout: Callable[[bytes], None] | None = None,
    ) -> Answer:
        return self.answer

    def close(self) -> None:
        pass


def greeted(**changes: str) -> Any:
    return greet(Shell("phone", Scripted({**SOUND, **changes})), target(Path("/data/local/tmp/lab")))


def test_a_phone() -> None:
    found = greeted()
    assert (found.serial, found.android, found.cores, found.page_size_bytes) == ("adb-28041FDH2000XY", True, 9, 4096)
    assert (found.tools, found.locker, found.work_dir) == (Tools("sha256sum"), "flock", "/data/local/tmp/lab")


def test_a_mac() -> None:
    uuid = "56F74699-CB04-41AE-87EE-28BC498F1832"
    said = {"serialno": "", "android": "", "flock": "", "lockf": "yes", "perl": "yes", "openssl": "yes"}
    found = greeted(**said, system="Darwin", arch="arm64", uuid=uuid, boot_id=uuid, shasum="yes", board="Mac15,3")
    assert (found.macos, found.arch, found.serial) == (True, "aarch64", f"mac-{uuid.lower()}")
    assert (found.tools, found.locker, found.boot_id) == (Tools("shasum -a 256", is_bsd=True), "lockf", uuid)


def test_only_macos_is_asked_in_its_own_words() -> None:
    found = greeted(system="Linux", arch="arm64")
    assert (found.macos, found.arch, found.tools.is_bsd) == (False, "arm64", False)


def test_a_mac_without_lockf_has_perl_and_one_without_both_no_lock() -> None:
    assert greeted(flock="", perl="yes").locker == "perl"
    assert greeted(flock="").locker is None


def test_a_host_has_the_serial_that_it_has_as_local() -> None:
    found = greeted(serialno="", android="", machine_id="ab" * 16, openssl="yes")
    assert (found.serial, found.android) == ("local-" + "ab" * 16, False)
    assert found.tools.hasher == "openssl dgst -sha256 -r"


def test_boards_of_one_image_are_told_apart_by_their_own_numbers() -> None:
    clone = {"serialno": "", "android": "", "machine_id": "ab" * 16}
    assert greeted(**clone, board_serial="10000000a3b4c5d6").serial == "board-10000000a3b4c5d6"
    assert greeted(**clone, cpu_serial="Serial\t\t: 100000000BADCAFE").serial == "board-100000000badcafe"
    assert greeted(**clone, cpu_serial="Serial\t\t: 0000000000000000").serial == "local-" + "ab" * 16


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("arch", "$(id)"),
        ("cores", "-1"),
        ("cores", "9999999"),
        ("page_size", "4k"),
        ("serialno", "a/../b c"),
        ("flock", "maybe"),
        ("board", "\x1b[31mred"),
    ],
)
def test_what_has_no_sane_form_was_not_said(key: str, value: str) -> None:
    found = greeted(**{"board": "a board", key: value})
    shown = {"arch": found.arch, "cores": found.cores, "page_size": found.page_size_bytes, "board": found.board}
    if key in shown:
        assert shown[key] is None
    assert value not in str(found)


@pytest.mark.parametrize(
    ("exe", "emulated"),
    [("/usr/bin/qemu-aarch64-static", True), ("/usr/bin/sleep", False), ("", False), ("/x/qemu-img-converter", False)],
)
def test_qemu_user_is_found_out(exe: str, emulated: bool) -> None:
    assert greeted(exe=exe).has_qemu_user is emulated


@pytest.mark.parametrize("work", ["", "relative", "/with\x1bcontrol"])
def test_a_work_folder_without_sane_form_is_an_error(work: str) -> None:
    with pytest.raises(DeviceError, match="no folder to work in"):
        greeted(work=work)


def test_nothing_that_hashes_is_an_error() -> None:
    with pytest.raises(DeviceError, match="neither openssl nor sha256sum"):
        greeted(sha256sum="")


def test_the_device_is_not_reached_before_it_is_used(tmp_path: Path) -> None:
    link = ShellLink()
    device = shell_device(tmp_path / "work", link)
    assert device.name == "here"
    assert link.commands == []


def test_a_snapshot_reads_what_a_shell_can(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("one: two\n\nthree")
    (tmp_path / "b").write_text("")
    answer = ShellLink().execute(command([str(tmp_path / "*"), "/nonexistent/*/x", "/proc/loadavg"]), timeout_s=10)
    files = Snapshot(answer.stdout.decode())
    assert files.read(str(tmp_path / "a")) == "one: two\n\nthree\n"
    assert files.read("/nonexistent/a/x") is None
    assert (files.read("/proc/loadavg") or "").count(" ") == 4
    assert files.names(str(tmp_path)) == ["a"]


def test_content_cannot_pass_for_another_file() -> None:
    files = Snapshot("/proc/a:/proc/stat:cpu 1 2 3 4\n/proc/b:x\n")
    assert files.read("/proc/stat") is None
    assert files.read("/proc/a") == "/proc/stat:cpu 1 2 3 4\n"


def test_a_log_is_cut_to_what_tells_something() -> None:
    noise = "".join(f"[{i}] usb 1-1: new device\n" for i in range(100))
    assert telling_lines(noise + "[9] Out of memory: Killed process 7 (lab-bench)\x1b[0m\n" + noise) == [
        "[9] Out of memory: Killed process 7 (lab-bench)[0m"
    ]
    assert len(telling_lines(noise)) == 3
    assert telling_lines("") == []


def test_a_device_out_of_reach_is_not_waited_for_again_to_ask_its_name(tmp_path: Path) -> None:
    tries: list[int] = []

    def connect() -> ShellLink:
        tries.append(1)
        if len(tries) == 1:
            raise DeviceUnreachableError("nobody taps on Allow for 30 s")
        return ShellLink()

    device = RemoteDevice(target(tmp_path / "work"), connect)
    for _ in range(2):
        with pytest.raises(DeviceUnreachableError, match="nobody taps"):
            device.facts() if not tries else device.serial
    assert len(tries) == 1
    device.facts()
    assert device.serial


@pytest.mark.parametrize("place", ["another's", "missing", "ours"])
def test_a_phone_whose_folder_is_not_ours_is_given_one_in_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """Termux over ssh, Halium: Android's properties are there, and its folder for programs is adb's."""
    phones = tmp_path / "data"
    monkeypatch.setattr(identify, "_HOME", identify._HOME.replace("/data/local/tmp", str(phones)))
    if place != "missing":
        (phones / "lab").mkdir(parents=True, mode=0o700)
    if place == "another's":
        (phones / "lab").chmod(0o777)  # as somebody else's folder, it is not one that we alone can write
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "getprop").write_text("#!/bin/sh\n")
    (tmp_path / "bin" / "getprop").chmod(0o755)
    link = ShellLink(f"{tmp_path / 'bin'}:{ShellLink.PATH}")
    link.env |= {"HOME": str(tmp_path / "home"), "XDG_CACHE_HOME": ""}
    spec = target(Path("/"))
    found = greet(Shell("phone", link), replace(spec, device=replace(spec.device, work_dir="")))
    assert found.android
    assert found.work_dir == str(phones / "lab" if place == "ours" else tmp_path / "home" / ".cache" / "lab")
