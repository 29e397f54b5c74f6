"""One measurement at a time on a device."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import pwd
import re
import socket
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lab.core.errors import BusyError, LabError

HOLDER_MAX_BYTES = 8192


def locks_dir() -> Path:
    """Return our folder of lock files, made on first use; LabError when it is not ours alone."""
    folder = Path(tempfile.gettempdir()) / f"lab-locks-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError as problem:
        raise LabError(f"{folder}: cannot make the folder of locks: {problem.strerror}") from problem
    # In a shared /tmp anybody can make this name first, and would then hold or fake our locks.
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise LabError(
            f"{folder}: not a folder that only this user can use",
            hint=f"remove it, or make it yours alone: chmod 700 {folder}",
        )
    return folder


def lock_file(serial: str) -> Path:
    """Return the lock file of a device; different serials never share one."""
    readable = re.sub(r"[^A-Za-z0-9.-]+", "_", serial)[:60]
    return locks_dir() / f"{readable}-{hashlib.sha256(serial.encode()).hexdigest()[:12]}.lock"


@contextmanager
def device_lock(serial: str, what: str) -> Iterator[None]:
    """Hold the device called `serial` for `what`; BusyError naming the holder when somebody else has it.

    The lock is a flock: it ends with the process that holds it, so it is never stale.
    """
    handle = _open(lock_file(serial))
    try:
        _take(handle, serial)
        _write_holder(handle, what)
        yield
    finally:
        os.close(handle)


def _open(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except OSError as problem:
        raise LabError(f"{path}: cannot open the lock: {problem.strerror}") from problem


def _take(handle: int, serial: str) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as problem:
        holder = _read_holder(handle)
        raise BusyError(
            f"device {serial} is in use by {_describe(holder)}",
            hint="wait for it to end, or stop it; two measurements at once would spoil both",
        ) from problem
    except OSError as problem:
        raise LabError(
            f"device {serial}: cannot lock in {locks_dir()}: {problem.strerror}",
            hint="point TMPDIR at a local disk",
        ) from problem


def _write_holder(handle: int, what: str) -> None:
    holder = {
        "pid": os.getpid(),
        "what": what,
        "command": " ".join(sys.argv)[:1000],
        "since": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "user": _user_name(),
        "host": socket.gethostname(),
    }
    os.ftruncate(handle, 0)
    os.pwrite(handle, json.dumps(holder).encode(), 0)


def _user_name() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container may run as a uid without a name
        return str(os.getuid())


def _read_holder(handle: int) -> dict[str, Any]:
    try:
        holder = json.loads(os.pread(handle, HOLDER_MAX_BYTES, 0))
    except ValueError:
        return {}
    return holder if isinstance(holder, dict) else {}


def _describe(holder: dict[str, Any]) -> str:
    if not holder:
        return "another lab that has not said yet who it is"
    facts = {key: str(holder.get(key, "?")) for key in ("pid", "command", "what", "since", "user", "host")}
    return "pid {pid} ({command}; {what}) since {since}, {user}@{host}".format_map(facts)
