"""The user's adb key: honoured, guarded, and made whole."""

from __future__ import annotations

import subprocess
import threading
from pathlib import Path

import pytest

from lab.core.errors import ConfigError
from lab.devices.adb.keys import Key, load_keys
from tests.devices.peers.adbd_wire import public_key, signed_by


def key_file(home: Path) -> Path:
    return home / ".android" / "adbkey"


def test_a_key_is_made_once_and_for_its_owner_only(own_home: Path) -> None:
    load_keys()
    made = key_file(own_home)
    text = made.read_bytes()
    assert (made.stat().st_mode & 0o777, made.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert load_keys()[0].path == made
    assert made.read_bytes() == text
    assert sorted(path.name for path in made.parent.iterdir()) == ["adbkey", "adbkey.pub"]


def test_a_signature_fits_the_public_half(own_home: Path) -> None:
    (key,) = load_keys()
    token = bytes(range(20))
    assert signed_by(public_key(key.public()), key.sign(token), token)
    assert not signed_by(public_key(key.public()), key.sign(token), bytes(20))


def test_the_adb_programs_own_key_is_used(own_home: Path, program: str) -> None:
    made = key_file(own_home)
    made.parent.mkdir(mode=0o700)
    subprocess.run([program, "keygen", str(made)], check=True, capture_output=True)
    (key,) = load_keys()
    assert key.path == made
    assert key.public().split(b" ")[0] == made.with_suffix(".pub").read_bytes().split(b" ")[0]


def test_the_adb_program_takes_the_key_that_lab_made(own_home: Path, program: str) -> None:
    (key,) = load_keys()
    done = subprocess.run([program, "pubkey", str(key.path)], capture_output=True, check=True)
    assert done.stdout.split(b" ")[0].strip() == key.public().split(b" ")[0]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
def test_a_key_that_others_may_read_is_refused(own_home: Path, mode: int) -> None:
    load_keys()
    key_file(own_home).chmod(mode)
    with pytest.raises(ConfigError, match="others may read") as caught:
        load_keys()
    assert caught.value.hint == f"chmod 600 {key_file(own_home)}"


def test_a_file_that_is_no_key_is_named(own_home: Path) -> None:
    key_file(own_home).parent.mkdir()
    key_file(own_home).write_text("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
    key_file(own_home).chmod(0o600)
    with pytest.raises(ConfigError, match="this is no adb key"):
        load_keys()


def test_vendor_keys_come_after_the_users(own_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load_keys()
    folder = tmp_path / "vendor"
    folder.mkdir()
    for path in (folder / "b.adb_key", folder / "a.adb_key", tmp_path / "single"):
        key_file(own_home).replace(path)
        load_keys()
    monkeypatch.setenv("ADB_VENDOR_KEYS", f"{folder}:{tmp_path / 'single'}")
    names = [key.path.name for key in load_keys()]
    assert names == ["adbkey", "a.adb_key", "b.adb_key", "single"]


@pytest.mark.parametrize(
    ("name", "content", "mode", "reason"),
    [
        ("none", None, 0o600, "cannot read this adb key"),
        ("broken.adb_key", b"-----BEGIN", 0o600, "this is no adb key"),
        ("shared.adb_key", b"", 0o644, "others may read this private key"),
        ("empty", b"", 0o600, "this is no adb key"),
    ],
)
def test_a_vendor_key_that_cannot_be_used_is_left_out_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, content: bytes | None, mode: int, reason: str
) -> None:
    """The user's own key may do, and the adb program goes on too."""
    if content is not None:
        (tmp_path / name).write_bytes(content)
        (tmp_path / name).chmod(mode)
    monkeypatch.setenv("ADB_VENDOR_KEYS", str(tmp_path / name))
    notes: list[str] = []
    assert [key.path.name for key in load_keys(notes.append)] == ["adbkey"]
    assert len(notes) == 1
    assert f"{name}: {reason}" in notes[0]
    assert len(load_keys()) == 1


def test_two_first_uses_at_once_end_with_one_key(own_home: Path) -> None:
    found: list[Key] = []
    threads = [threading.Thread(target=lambda: found.extend(load_keys())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({key.public() for key in found}) == 1
    assert len(found) == 4


def test_a_key_that_cannot_be_made_is_an_error_with_its_place(own_home: Path) -> None:
    (own_home / ".android").write_text("in the way")
    with pytest.raises(ConfigError, match=r"\.android/adbkey: cannot make an adb key"):
        load_keys()
