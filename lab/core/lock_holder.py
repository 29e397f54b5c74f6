"""Who holds a device's lock, as its file says it."""

from __future__ import annotations

import json
import os
import pwd
import socket
import sys
from datetime import UTC, datetime
from typing import Any

from lab.core.errors import LabError
from lab.core.jsonio import parse_json
from lab.core.text import printable

HOLDER_MAX_BYTES = 8192
COMMAND = "LAB_MEMBER_OF"  # variable: which command with several targets this process measures one of them for
FACT_CHARS = 300


def holder_line(what: str) -> str:
    """Return, for whoever comes second, one line on who this process is and what it does."""
    return describe(_holder(what))


def is_member(holder: dict[str, Any]) -> bool:
    """Whether the holder measures another target of this very command."""
    command = os.environ.get(COMMAND)
    return bool(command) and holder.get("member_of") == command


def write_holder(handle: int, what: str) -> None:
    """Write into the lock's file that this process has it, for `what`."""
    os.ftruncate(handle, 0)
    os.pwrite(handle, json.dumps(_holder(what)).encode(), 0)


def _holder(what: str) -> dict[str, Any]:
    return {
        "pid": os.getpid(),
        "what": what,
        "command": " ".join(sys.argv)[:1000],
        "since": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "user": _user_name(),
        "host": socket.gethostname(),
        **({"member_of": os.environ[COMMAND]} if os.environ.get(COMMAND) else {}),
    }


def _user_name() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container may run as a uid without a name
        return str(os.getuid())


def read_holder(handle: int) -> dict[str, Any]:
    """Return what the file says; empty for nothing, or for what nobody can read."""
    try:
        holder = parse_json(os.pread(handle, HOLDER_MAX_BYTES, 0), where="lock")
    except LabError:
        return {}
    return holder if isinstance(holder, dict) else {}


def describe(holder: dict[str, Any]) -> str:
    """Return it in words, fit for a terminal."""
    if not holder:
        return "another lab that has not said yet who it is"
    names = ("pid", "command", "what", "since", "user", "host")
    facts = {name: printable(holder.get(name, "?"), FACT_CHARS) for name in names}
    return "pid {pid} ({command}; {what}) since {since}, {user}@{host}".format_map(facts)
