"""Pushes that are cut, damaged, or have no room: what is taken for whole is whole, and nothing is sent twice."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from lab.core.errors import DeviceError, DeviceUnreachableError
from lab.devices.link import Answer
from lab.devices.remote import push, store
from lab.devices.remote.device import RemoteDevice
from tests.devices.peers.mac import MacTools
from tests.devices.shell_link import ShellLink, shell_device, target

PART = 64 << 10
DATA = os.urandom(5 * PART + 123)
DIGEST = hashlib.sha256(DATA).hexdigest()


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(push, "PART_BYTES", PART)


@pytest.fixture(autouse=True, params=["linux", "macos"])
def system(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whose programs the device has."""
    if request.param == "macos":
        monkeypatch.setattr(ShellLink, "PATH", str(MacTools(tmp_path / "bin").folder))


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.bin"
    path.write_bytes(DATA)
    return path


@pytest.fixture
def work(tmp_path: Path) -> Path:
    return tmp_path / "work"


def test_what_arrived_before_a_cut_is_not_sent_again(model: Path, work: Path) -> None:
    with pytest.raises(DeviceUnreachableError):
        shell_device(work, ShellLink(cut_after=3 * PART + 50)).push(model, "m/model.bin")
    assert not (work / "store" / DIGEST).exists()
    assert not (work / "names").exists()
    again = ShellLink()
    there = shell_device(work, again).push(model, "m/model.bin")
    assert Path(there).read_bytes() == DATA
    assert again.fed_bytes == len(DATA) - 3 * PART
    assert sorted(path.name for path in (work / "store").iterdir()) == [DIGEST]


@pytest.mark.parametrize("cut", [0, 1, PART - 1, PART, PART + 1, 2 * PART, len(DATA) - 1])
def test_a_cut_at_any_byte_ends_in_a_whole_file(model: Path, work: Path, cut: int) -> None:
    with pytest.raises(DeviceUnreachableError):
        shell_device(work, ShellLink(cut_after=cut)).push(model, "m/model.bin")
    assert Path(shell_device(work).push(model, "m/model.bin")).read_bytes() == DATA


@pytest.mark.parametrize("damage", ["changed", "short", "sums lost", "other content"])
def test_parts_that_changed_meanwhile_are_sent_again(model: Path, work: Path, damage: str) -> None:
    with pytest.raises(DeviceUnreachableError):
        shell_device(work, ShellLink(cut_after=4 * PART)).push(model, "m/model.bin")
    part, sums = work / "store" / f"{DIGEST}.part", work / "store" / f"{DIGEST}.sums"
    if damage == "changed":
        part.write_bytes(b"x" * part.stat().st_size)
    elif damage == "short":
        os.truncate(part, PART + 7)
    elif damage == "sums lost":
        sums.unlink()
    else:
        sums.write_text("0" * 64 + "\n")
    with suppress(DeviceError):  # found only when it was read back: removed, and sent anew
        shell_device(work).push(model, "m/model.bin")
    assert Path(shell_device(work).push(model, "m/model.bin")).read_bytes() == DATA


def test_a_part_that_arrives_damaged_is_sent_once_more(model: Path, work: Path) -> None:
    link, changed = ShellLink(), []

    def change(chunk: bytes) -> bytes:
        if changed:
            return chunk
        changed.append(True)
        return bytes([chunk[0] ^ 1]) + chunk[1:]

    link.change = change
    assert Path(shell_device(work, link).push(model, "m/model.bin")).read_bytes() == DATA
    assert link.fed_bytes == len(DATA) + PART


def test_a_link_that_damages_everything_is_an_error(model: Path, work: Path) -> None:
    link = ShellLink()
    link.change = lambda chunk: bytes([chunk[0] ^ 1]) + chunk[1:]
    with pytest.raises(DeviceError, match=r"arrived damaged, 2 times"):
        shell_device(work, link).push(model, "m/model.bin")
    assert not (work / "store" / DIGEST).exists()


def test_space_is_asked_for_before_the_first_byte(model: Path, work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "SPARE_BYTES", 1 << 60)
    link = ShellLink()
    with pytest.raises(DeviceError, match=r"have to be sent and .* to stay free, but .* are free") as problem:
        shell_device(work, link).push(model, "m/model.bin")
    assert link.fed_bytes == 0
    assert problem.value.hint is not None
    assert "lab devices clean" in problem.value.hint


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 1 MiB; root mounts it, others get it in a namespace of their own only."""
    folder = tmp_path / "disk"
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(folder)], capture_output=True, text=True
    )
    if done.returncode != 0:
        pytest.skip(f"mounting needs root: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_disk_that_fills_up_is_an_error_and_a_later_push_goes_on(
    tmp_path: Path, small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store.Store, "_check_space", lambda self, nbytes: None)
    big = tmp_path / "big.bin"
    big.write_bytes(os.urandom(2 << 20))
    filler = small_disk / "filler"
    filler.write_bytes(b"x" * (600 << 10))
    small = tmp_path / "small.bin"
    small.write_bytes(DATA * 2)
    device = shell_device(small_disk / "work")
    with pytest.raises(DeviceError, match="No space left on device"):
        device.push(small, "small.bin")
    filler.unlink()
    assert Path(device.push(small, "small.bin")).read_bytes() == DATA * 2


@pytest.mark.parametrize(
    "name", ["../out", "a/../../out", "/abs", "a//b", "", ".hidden", "a b", "a;b", "-rf", "a\nb", "a/.."]
)
def test_names_stay_below_the_work_folder(model: Path, work: Path, name: str) -> None:
    with pytest.raises(DeviceError, match="cannot be the name of a file on a device"):
        shell_device(work).push(model, name)


@pytest.mark.parametrize("folder", ["$(touch hacked)", "a b; touch hacked", "it's", "`touch hacked`", "-rf"])
def test_a_hostile_work_folder_is_only_a_folder(model: Path, tmp_path: Path, folder: str) -> None:
    there = shell_device(tmp_path / folder).push(model, "m/model.bin")
    assert Path(there).read_bytes() == DATA
    assert Path(there).is_relative_to(tmp_path / folder)
    assert not list(tmp_path.rglob("hacked"))


@pytest.mark.parametrize("folder", ["relative", "/tmp/../etc", "/tmp/new\nline"])
def test_a_work_folder_is_an_absolute_path(tmp_path: Path, folder: str) -> None:
    device = RemoteDevice(target(Path(folder)), ShellLink)
    with pytest.raises(DeviceError, match="work_dir"):
        device.facts()


def test_a_work_folder_that_others_can_write_is_refused(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    with pytest.raises(DeviceError, match="can be written by others"):
        shell_device(shared).facts()
    assert shared.stat().st_mode & 0o777 == 0o777


def test_the_store_can_be_listed_and_cleared(model: Path, work: Path) -> None:
    device = shell_device(work)
    device.push(model, "m/model.bin")
    kept = Path(device.scratch("programs"))
    assert kept.is_dir()
    assert device.stored() == [(DIGEST, len(DATA))]
    device.clear()
    assert device.stored() == []
    assert not kept.exists()
    assert not (work / "names").exists()


class Talking(ShellLink):
    """Something prints into what a command prints: no mark can tell the two apart."""

    def execute(self, command: str, **options: Any) -> Answer:
        take = options.get("on_stdout")
        if "\ncat " in command and take is not None:
            options["on_stdout"] = lambda chunk: take(chunk[:1000] + b"late\n" + chunk[1000:])
        return super().execute(command, **options)


def test_what_arrives_as_something_else_is_not_pulled(model: Path, work: Path, tmp_path: Path) -> None:
    there = shell_device(work).push(model, "m/model.bin")
    with pytest.raises(DeviceError, match=r"model\.bin arrived damaged"):
        shell_device(work, Talking()).pull(there, tmp_path / "back")
    assert not (tmp_path / "back").exists()
    shell_device(work).pull(there, tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == DATA
