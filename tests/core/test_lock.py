from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from lab.core import lock
from lab.core.errors import BusyError, LabError
from lab.core.lock import device_lock, lock_file, locks_dir
from lab.core.lock_holder import COMMAND

HOLDER = """
import sys, time
from lab.core.lock import device_lock
with device_lock(sys.argv[1], "phi3-mini-q4"):
    print("ready", flush=True)
    time.sleep(60)
"""


@pytest.fixture(autouse=True)
def own_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of locks of the test's own, for this process and its children."""
    monkeypatch.setenv("LAB_LOCKS", str(tmp_path / "locks"))
    return tmp_path / "locks"


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
def test_an_unreadable_holder_is_still_busy(content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "NAME_S", 0.3)
    with device_lock("a", "x"):
        lock_file("a").write_bytes(content)
        with pytest.raises(BusyError, match="device a is in use by"), device_lock("a", "y"):
            pytest.fail("locked twice")


def test_users_share_the_folder_and_leave_each_others_files_alone(own_locks: Path) -> None:
    assert locks_dir().stat().st_mode & 0o7777 == 0o1777
    own_locks.chmod(0o777)
    with pytest.raises(LabError, match="leave each other's files alone"):
        locks_dir()


def test_a_lock_of_another_user_is_heeded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A forked child becomes another user and takes the lock, in a file that is its own."""
    if os.getuid() != 0:
        pytest.skip("only root can act as another user")
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:  # every user may go there
        Path(folder).chmod(0o755)
        monkeypatch.setenv("LAB_LOCKS", f"{folder}/locks")
        locks_dir()
        ready, tell = os.pipe()
        child = os.fork()
        if child == 0:
            hold_as_nobody(tell)
        os.close(tell)
        try:
            assert os.read(ready, 1) == b"!"
            with pytest.raises(BusyError, match="nobody@"), device_lock("shared", "y"):
                pytest.fail("locked twice")
        finally:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            os.close(ready)
        assert lock_file("shared").stat().st_uid == 65534
        with device_lock("shared", "y"):
            pass


def hold_as_nobody(tell: int) -> NoReturn:
    try:
        os.setuid(65534)
        with device_lock("shared", "x"):
            os.write(tell, b"!")
            signal.pause()
    finally:
        os._exit(1)  # never back into the tests


def test_a_planted_link_is_refused(own_locks: Path) -> None:
    (own_locks.parent / "elsewhere").mkdir(mode=0o700)
    own_locks.symlink_to(own_locks.parent / "elsewhere")
    with pytest.raises(LabError, match="locks"), device_lock("a", "x"):
        pytest.fail("locked through a link")


@pytest.mark.parametrize("plant", ["symlink", "hard link", "fifo"])
def test_a_planted_lock_file_is_not_written_through(own_locks: Path, plant: str) -> None:
    victim = own_locks.parent / "victim"
    victim.write_text("precious")
    if plant == "symlink":
        lock_file("a").symlink_to(victim)
    elif plant == "hard link":
        lock_file("a").hardlink_to(victim)
    else:
        os.mkfifo(lock_file("a"))
    with pytest.raises(LabError, match="cannot open the lock"), device_lock("a", "x"):
        pytest.fail("locked through a link")
    assert victim.read_text() == "precious"


def test_a_holders_words_cannot_move_the_cursor() -> None:
    with device_lock("a", "x"):
        lock_file("a").write_text('{"user": "\\u001b[2Jmallory"}')
        with pytest.raises(BusyError, match=r"mallory") as caught, device_lock("a", "y"):
            pytest.fail("locked twice")
    assert caught.value.what.isprintable()


def test_members_of_one_command_take_turns(own_locks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two targets of one phone, its CPU and its GPU, in one `lab run`."""
    monkeypatch.setenv(COMMAND, "here 7")
    argv = [sys.executable, "-c", MEMBER, "phone", str(tmp_path / "log")]
    others = [subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    notes = [note for other in others for note in other.communicate()[0].splitlines()]
    assert [other.returncode for other in others] == [0, 0, 0]
    assert (tmp_path / "log").read_text() == "in\nout\n" * 3
    assert notes
    assert all("waits for cpu of it: it is the same device (phone)" in note for note in notes)
    assert len(notes) < 3


MEMBER = """
import sys, time
from pathlib import Path
from lab.core.lock import device_lock
def write(text):
    with open(sys.argv[2], "a") as log: log.write(text + "\\n")
with device_lock(sys.argv[1], "cpu of it", print):
    write("in"); time.sleep(0.4); write("out")
"""


def test_another_command_is_no_member(holder: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(COMMAND, "here 7")
    with pytest.raises(BusyError, match=f"pid {holder.pid} "), device_lock("emulator-5554", "other"):
        pytest.fail("locked twice")
