"""One measurement at a time on a device."""

from __future__ import annotations

import fcntl
import hashlib
import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from lab.core.errors import BusyError, LabError
from lab.core.lock_holder import FACT_CHARS, describe, is_member, read_holder, write_holder
from lab.core.text import printable

NAME_S, POLL_S = 2.0, 0.1
DEFAULT = "/tmp/lab-locks"  # not TMPDIR, which differs between users
SHARED_FOLDER, SHARED_FILE = 0o1777, 0o666


def locks_dir() -> Path:
    """Return the folder of lock files, made on first use: one for all users of this machine.

    $LAB_LOCKS names another. LabError when it is a link, or one in which anybody may replace files of others.
    """
    folder = Path(os.environ.get("LAB_LOCKS") or DEFAULT)
    try:
        with suppress(FileExistsError):
            folder.mkdir()
            folder.chmod(SHARED_FOLDER)  # mkdir's own mode is cut by the umask
        found = folder.lstat()
    except OSError as problem:
        raise LabError(f"{folder}: cannot make the folder of locks: {problem.strerror}") from problem
    if not stat.S_ISDIR(found.st_mode) or (found.st_mode & 0o022 and not found.st_mode & stat.S_ISVTX):
        raise LabError(
            f"{folder}: not a folder in which users leave each other's files alone",
            hint=f"remove it, or set its sticky bit: chmod 1777 {folder}; or set LAB_LOCKS",
        )
    return folder


def lock_file(serial: str) -> Path:
    """Return the lock file of a device; different serials never share one, and none can be read off its name."""
    return locks_dir() / f"{hashlib.sha256(serial.encode()).hexdigest()[:24]}.lock"


def holder_by_hash(serial_hash: str) -> dict[str, Any]:
    """Return who took the lock of the device whose serial has this sha256 last; empty where it was let go."""
    path = Path(os.environ.get("LAB_LOCKS") or DEFAULT) / f"{serial_hash[:24]}.lock"
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except (OSError, ValueError):
        return {}
    try:
        return read_holder(handle)
    finally:
        os.close(handle)


@contextmanager
def device_lock(serial: str, what: str, note: Callable[[str], None] | None = None) -> Iterator[None]:
    """Hold the device called `serial` for `what`; BusyError naming the holder when somebody else has it.

    The lock is a flock: it ends with the process that holds it, so it is never stale. Members of one command (see
    COMMAND) take turns: whoever comes second waits, and `note` says for what.
    """
    handle = _open(lock_file(serial))
    try:
        while not _take(handle, serial):
            _wait_for_member(handle, serial, note)
            note = None
        write_holder(handle, what)
        try:
            yield
        finally:
            os.ftruncate(handle, 0)  # who comes next reads no old name, and a run that was killed is known by it
    finally:
        os.close(handle)


def _open(path: Path) -> int:
    """Open the lock, which another user may have made. It is a plain file with this one name, or it is refused."""
    try:
        handle = _existing(path) or _made(path)
    except OSError as problem:
        raise LabError(f"{path}: cannot open the lock: {problem.strerror}") from problem
    found = os.fstat(handle)
    if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
        os.close(handle)
        raise LabError(f"{path}: cannot open the lock: it is not a plain file", hint="remove it")
    return handle


def _existing(path: Path) -> int | None:
    # Without O_CREAT: the kernel may refuse it for a file of somebody else in a sticky folder.
    try:
        return os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return None


def _made(path: Path) -> int:
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, SHARED_FILE)
    except FileExistsError:  # somebody was faster
        return os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
    os.fchmod(handle, SHARED_FILE)
    return handle


def _take(handle: int, serial: str) -> bool:
    """Return whether it is ours now; False while another member of this command has it."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except BlockingIOError as problem:
        holder = _holder_of(handle)
        if is_member(holder):
            return False
        raise BusyError(
            f"device {serial} is in use by {describe(holder)}",
            hint="wait for it to end, or stop it; two measurements at once would spoil both",
        ) from problem
    except OSError as problem:
        raise LabError(
            f"device {serial}: cannot lock in {locks_dir()}: {problem.strerror}",
            hint="point LAB_LOCKS at a local disk",
        ) from problem


def _holder_of(handle: int) -> dict[str, Any]:
    """Return who has the lock. Whoever took it just now says so a moment later."""
    deadline = time.monotonic() + NAME_S
    while not (holder := read_holder(handle)) and time.monotonic() < deadline:
        time.sleep(POLL_S)
    return holder


def _wait_for_member(handle: int, serial: str, note: Callable[[str], None] | None) -> None:
    """Wait a moment: the device is that of another target of this command, which goes first."""
    if note is not None:
        other = printable(_holder_of(handle).get("what", "another target"), FACT_CHARS)
        note(
            f"waits for {other}: it is the same device ({serial}). If they are two, they were written from one image:"
            " give each a machine-id of its own (systemd-machine-id-setup)"
        )
    time.sleep(POLL_S)
