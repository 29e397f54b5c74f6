"""The adb program: found, and asked to do what only it can (start its server, pair)."""

from __future__ import annotations

import os
import re
import shutil

from lab.core.errors import ConfigError, DeviceUnreachableError, UsageError
from lab.core.proc import run
from lab.core.process import CommandError, Completed
from lab.core.text import said

INSTALL_HINT = "install adb (Debian: apt-get install adb; elsewhere: Android's platform-tools) or set $ADB to it"
START_S = 30.0
PAIR_S = 60.0
NEWER_HINT = (
    "pairing needs adb 30 or newer: take Android's platform-tools (developer.android.com/tools/releases/"
    "platform-tools) and set $ADB to its adb; or plug the phone in by USB"
)


def find_program() -> str | None:
    """Return the path of the adb program ($ADB, else on PATH), or None."""
    return shutil.which(os.environ.get("ADB") or "adb")


def program() -> str:
    """Return the path of the adb program; ConfigError when there is none."""
    found = find_program()
    if found is None:
        raise ConfigError("the adb program is not installed", hint=INSTALL_HINT)
    return found


def start_server() -> None:
    """Have the program start its server in the background; returns when it answers."""
    try:
        run([program(), "start-server"], timeout_s=START_S, check=True)
    except CommandError as problem:
        what = f"the adb server does not start: {said(problem.completed.stderr) or problem.reason}"
        raise DeviceUnreachableError(what, hint="try 'adb start-server' yourself") from problem


def program_version() -> str:
    """Return the program's version, such as "29.0.6", or "" when it does not say."""
    said = run([program(), "version"], timeout_s=START_S).stdout
    found = re.search(r"^Version (\d+(?:\.\d+)*)", said, re.MULTILINE)
    return found[1] if found else ""


def require_pairing() -> None:
    """Raise ConfigError when there is no adb program, or one whose own help knows no wireless pairing."""
    done = run([program(), "help"], timeout_s=START_S)
    if not re.search(r"^\s*pair HOST", done.stdout + done.stderr, re.MULTILINE):
        raise ConfigError(f"adb {program_version() or '(unknown version)'} cannot pair", hint=NEWER_HINT)


def pair(address: str, code: str) -> str:
    """Pair with the phone that shows `code`, and return what adb says; DeviceUnreachableError when it refuses.

    The code goes in by standard input, so that no list of processes shows it.
    """
    done = run([program(), "pair", address], timeout_s=PAIR_S, input=f"{code}\n")
    if done.code != 0 or "Successfully paired" not in done.stdout:
        raise DeviceUnreachableError(f"not paired with {address}: {_last_words(done)}", hint=_PAIR_HINT)
    return _last_words(done)


_PAIR_HINT = (
    "the address and the code change each time the phone shows them: open 'Pair device with pairing code' again"
)


def _last_words(done: Completed) -> str:
    lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    return said(lines[-1].removeprefix("Enter pairing code: ")) if lines else "adb said nothing"


ADDRESS = re.compile(r"([A-Za-z0-9_][A-Za-z0-9_.-]*|\[[0-9A-Fa-f:.%a-z]+\]):([0-9]{1,5})")
CODE = re.compile(r"[0-9]{6}")


def check_address(address: str) -> str:
    """Return the host of host:port; UsageError for anything else."""
    found = ADDRESS.fullmatch(address)
    if found is None or not 0 < int(found[2]) < 65_536:
        hint = "the phone shows both under 'Pair device with pairing code'"
        raise UsageError(f"{said(address)!r} is not HOST:PORT", hint=hint)
    return found[1]


def check_code(code: str) -> str:
    """Return the code; UsageError when it is not six digits."""
    if CODE.fullmatch(code.strip()) is None:
        raise UsageError("a pairing code has six digits", hint="the phone shows it with HOST:PORT")
    return code.strip()
