from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.core.errors import BusyError, LabError
from lab.core.lock import device_lock, lock_file, locks_dir

HOLDER = """
import sys, time
from lab.core.lock import device_lock
with device_lock(sys.argv[1], "phi3-mini-q4"):
    print("ready", flush=True)
    time.sleep(60)
"""


@pytest.fixture(autouse=True)
def own_temp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A temporary folder of the test's own, for this process and its children."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return tmp_path


@pytest.fixture
def holder() -> Iterator[subprocess.Popen[bytes]]:
    """Another process that holds the device `emulator-5554`."""
    process = subprocess.Popen([sys.executable, "-c", HOLDER, "emulator-5554"], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    yield process
    process.kill()
    process.communicate()


def test_a_second_process_is_told_who_holds_the_device(holder: subprocess.Popen[bytes]) -> None:
    with pytest.raises(BusyError) as caught, device_lock("emulator-5554", "other"):
        pytest.fail("locked twice")
    message = caught.value.what
    assert re.search(
        rf"^device emulator-5554 is in use by pid {holder.pid} \(-c emulator-5554; phi3-mini-q4\) "
        r"since \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ, \S+@\S+$",
        message,
    )
    assert caught.value.hint


def test_another_device_is_free(holder: subprocess.Popen[bytes]) -> None:
    with device_lock("emulator-5556", "other"):
        pass


def test_a_killed_holder_leaves_the_device_free(holder: subprocess.Popen[bytes]) -> None:
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    with device_lock("emulator-5554", "other"):
        pass


def test_the_lock_ends_with_the_block_however_it_ends() -> None:
    with pytest.raises(KeyboardInterrupt), device_lock("a", "x"):
        raise KeyboardInterrupt
    with device_lock("a", "y"), pytest.raises(BusyError, match=f"pid {os.getpid()} "), device_lock("a", "z"):
        pytest.fail("locked twice")


def test_a_refused_lock_does_not_disturb_the_holder() -> None:
    with device_lock("a", "first"):
        for _ in range(2):
            with pytest.raises(BusyError, match="first"), device_lock("a", "second"):
                pytest.fail("locked twice")


def test_a_child_does_not_inherit_the_lock() -> None:
    with device_lock("a", "x"):
        child = subprocess.Popen(["sleep", "60"])
    try:
        with device_lock("a", "y"):
            pass
    finally:
        child.kill()
        child.wait()


def test_serials_of_any_form_are_files_of_their_own() -> None:
    serials = ["192.168.1.2:5555", "192.168.1.2_5555", "../../etc/passwd", "a/b", "A" * 500, "", "é"]
    files = [lock_file(serial) for serial in serials]
    assert len(set(files)) == len(serials)
    for serial, path in zip(serials, files, strict=True):
        assert path.parent == locks_dir()
        with device_lock(serial, "x"):
            assert path.is_file()


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff", b'{"pid": null}'])
def test_an_unreadable_holder_is_still_busy(content: bytes) -> None:
    with device_lock("a", "x"):
        lock_file("a").write_bytes(content)
        with pytest.raises(BusyError, match="device a is in use by"), device_lock("a", "y"):
            pytest.fail("locked twice")


def test_the_folder_of_locks_is_ours_alone(own_temp: Path) -> None:
    assert locks_dir().stat().st_mode & 0o777 == 0o700
    locks_dir().chmod(0o777)
    with pytest.raises(LabError, match="not a folder that only this user can use"):
        locks_dir()


def test_a_planted_link_is_refused(own_temp: Path) -> None:
    (own_temp / "elsewhere").mkdir(mode=0o700)
    (own_temp / f"lab-locks-{os.getuid()}").symlink_to(own_temp / "elsewhere")
    with pytest.raises(LabError, match="lab-locks"), device_lock("a", "x"):
        pytest.fail("locked through a link")


def test_a_folder_of_another_user_is_refused(own_temp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    locks_dir()
    (own_temp / f"lab-locks-{os.getuid()}").rename(own_temp / "lab-locks-12345")
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    with pytest.raises(LabError, match="only this user"):
        locks_dir()


def test_a_planted_link_as_lock_file_is_not_written_through(own_temp: Path) -> None:
    (own_temp / "victim").write_text("precious")
    lock_file("a").symlink_to(own_temp / "victim")
    with pytest.raises(LabError, match="cannot open the lock"), device_lock("a", "x"):
        pytest.fail("locked through a link")
    assert (own_temp / "victim").read_text() == "precious"
