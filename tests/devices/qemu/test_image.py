"""What lies in compiled/images/ is believed only when it is whole and says nothing odd."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lab.core.errors import DeviceError
from lab.devices.qemu.image import MANIFEST, find_image, images_dir, is_whole, read_image

KEY = "0123456789ab" + "0" * 52
ROOT = {"name": "root.tar", "size": 4, "sha256": "a" * 64}


def document(**changes: Any) -> dict[str, Any]:
    sound = {
        "schema": 1,
        "kind": "phone",
        "name": "phone",
        "description": "a phone",
        "key": KEY,
        "built": "2026-11-24T10:00:00Z",
        "versions": {"adbd": "29"},
        "files": [ROOT],
        "phone": {"root": "root.tar", "adbd": "system/bin/adbd"},
        "adb": {"port": 0},
    }
    return {**sound, **changes}


@pytest.fixture
def images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LAB_HOME", str(tmp_path))
    return images_dir()


def put(images: Path, content: dict[str, Any], key: str = KEY) -> Path:
    folder = images / f"phone--{key[:12]}"
    folder.mkdir(parents=True)
    (folder / "root.tar").write_bytes(b"data")
    (folder / MANIFEST).write_text(json.dumps(content))
    return folder


def test_a_sound_image_is_found_by_its_name(images: Path) -> None:
    folder = put(images, document())
    image = find_image("phone")
    assert (image.folder, image.manifest.kind) == (folder, "phone")
    assert image.path("root.tar") == folder / "root.tar"


def test_the_newest_counts(images: Path) -> None:
    other = "f" * 64
    put(images, document(built="2026-11-24T10:00:01Z"))
    put(images, document(key=other), other)
    assert find_image("phone").manifest.key == KEY


def test_a_missing_image_says_how_it_is_made(images: Path) -> None:
    with pytest.raises(DeviceError, match="no image 'phone'") as caught:
        find_image("phone")
    assert "lab devices build phone" in str(caught.value.hint)


def test_a_build_that_was_killed_is_not_an_image(images: Path) -> None:
    (put(images, document()) / MANIFEST).unlink()
    with pytest.raises(DeviceError, match="no image"):
        find_image("phone")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schema": 2}, "schema 2 is newer"),
        ({"surprise": 1}, "surprise: unknown key"),
        ({"kind": "toaster"}, "'toaster' is not one of"),
        ({"files": [{**ROOT, "name": "../root.tar"}]}, "'../root.tar' is not the name of a file"),
        ({"phone": {"root": "/etc/passwd", "adbd": "system/bin/adbd"}}, "'/etc/passwd' is not among its files"),
        ({"phone": {"root": "root.tar", "adbd": "../sbin/init"}}, "does not have the form"),
        ({"phone": {"root": "root.tar", "adbd": "a b; reboot"}}, "does not have the form"),
        ({"files": [{**ROOT, "size": 5}]}, "root.tar is missing or not 5 bytes"),
        ({"files": [ROOT, {**ROOT, "name": "gone"}]}, "gone is missing"),
        ({"key": "f" * 64}, "the folder is not that of 'phone' with the key ffffffffffff"),
        ({"name": "other"}, "the folder is not that of 'other'"),
        ({"phone": None}, "described by the table phone alone"),
        ({"machine": {"kernel": "root.tar", "initrd": "root.tar", "disk": "root.tar"}}, "by the table phone alone"),
        ({"adb": {"port": 65_536}}, "65536 is too large"),
        ({"ssh": {"port": 22, "user": "-oX", "key": "root.tar", "known_hosts": "root.tar"}}, "does not have the form"),
        ({"ssh": {"port": 22, "user": "a", "key": "../k", "known_hosts": "root.tar"}}, "'../k' is not among its files"),
    ],
)
def test_what_is_odd_is_refused(images: Path, changes: dict[str, Any], message: str) -> None:
    folder = put(images, document(**changes))
    with pytest.raises(DeviceError, match=message) as caught:
        read_image(folder)
    assert MANIFEST in str(caught.value)
    assert not is_whole(folder)


def to_link(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


@pytest.mark.parametrize("damage", [Path.unlink, to_link, lambda path: path.write_bytes(b"dat")])
def test_a_damaged_file_is_noticed(images: Path, damage: Callable[[Path], object]) -> None:
    folder = put(images, document())
    damage(folder / "root.tar")
    with pytest.raises(DeviceError, match=r"root\.tar is missing or not 4 bytes") as caught:
        find_image("phone")
    assert "delete" in str(caught.value.hint)
