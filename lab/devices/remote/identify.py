"""The first question to a device: who it is, and where lab may keep its files there."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from lab.core.errors import DeviceError
from lab.devices.identity import board_serial, host_serial
from lab.devices.link import Answer
from lab.devices.remote.device_lock import LOCKERS, Locker
from lab.devices.remote.shell import Shell, Tools, quoted, said
from lab.formats.target import TargetSpec

# toybox and busybox have what is used here; a host may lack any of it, and then the answer is empty. qemu-user hides
# itself from a process that looks at itself, and not from one that looks at another. A Mac is asked in its own words.
_QUESTIONS = r"""
say() { printf '%s=%s\n' "$1" "$2"; }
has() { command -v "$1" >/dev/null 2>&1; }
say uid "$(id -u)"
say arch "$(uname -m)"
say node "$(uname -n)"
say page_size "$(getconf PAGESIZE 2>/dev/null)"
system=$(uname -s)
say system "$system"
if [ "$system" = Darwin ]; then
  say cores "$(sysctl -n hw.perflevel0.physicalcpu 2>/dev/null || sysctl -n hw.ncpu)"
  say uuid "$(ioreg -r -d 1 -c IOPlatformExpertDevice 2>/dev/null | grep IOPlatformUUID | cut -d '"' -f 4)"
  say boot_id "$(sysctl -n kern.bootsessionuuid 2>/dev/null)"
  say board "$(sysctl -n hw.model 2>/dev/null)"
else
  say cores "$(unset OMP_NUM_THREADS OMP_THREAD_LIMIT; nproc 2>/dev/null)"
  say machine_id "$(cat /etc/machine-id 2>/dev/null)"
  say board_serial "$(tr -d '\000' </proc/device-tree/serial-number 2>/dev/null)"
  say cpu_serial "$(grep '^Serial[[:space:]]*:' /proc/cpuinfo 2>/dev/null | head -n 1)"
  say boot_id "$(cat /proc/sys/kernel/random/boot_id 2>/dev/null)"
  say board "$(tr -d '\000' </proc/device-tree/model 2>/dev/null)"
  say serialno "$(has getprop && getprop ro.serialno)"
  say android "$(has getprop && echo yes)"
  sleep 5 & other=$!
  say exe "$(readlink /proc/$other/exe 2>/dev/null)"
  kill $other
fi
for tool in flock lockf perl openssl sha256sum shasum; do say $tool "$(has $tool && echo yes)"; done
"""

# Android's folder for programs is not every account's (Termux over ssh, Halium): then the cache folder does.
_HOME = r"""
umask 077
ours() { mkdir -p -- "$1" && cd -- "$1" && [ -O . ] && case $(ls -ld .) in d????-??-*) ;; *) return 1 ;; esac; }
cache() { ours "${XDG_CACHE_HOME:-$HOME/.cache}/lab"; }
if [ -n "$work" ]; then ours "$work"
elif has getprop && [ -d /data/local/tmp ]; then ours /data/local/tmp/lab 2>/dev/null || cache
else cache; fi || exit 3
say work "$(pwd -P)"
"""

_FORMS = {
    "uid": r"\d{1,10}",
    "arch": r"[A-Za-z0-9_]{1,40}",
    "node": r"[A-Za-z0-9._-]{1,200}",
    "cores": r"[1-9]\d{0,4}",
    "page_size": r"[1-9]\d{0,8}",
    "machine_id": r"[0-9a-f]{32}",
    "uuid": r"[0-9A-F-]{36}",
    "boot_id": r"[0-9A-Fa-f-]{36}",
    "system": r"[A-Za-z0-9_-]{1,40}",
    "board": r"[ -~]{1,200}",
    "board_serial": r"[ -~]{1,100}",
    "cpu_serial": r"Serial[ -~\t]{1,100}",
    "serialno": r"[A-Za-z0-9._:-]{1,100}",
    "work": r"/[ -~]{1,1000}",
    "exe": r"[ -~]{0,200}/qemu-[a-z0-9_]{1,40}(-static)?( \(deleted\))?",
}


@dataclass(frozen=True)
class Greeting:
    """What a device said of itself; None where it could not, or where the answer has no sane form."""

    work_dir: str
    arch: str | None
    cores: int | None
    page_size_bytes: int | None
    board: str | None
    boot_id: str | None
    serial: str
    android: bool
    macos: bool
    locker: Locker | None
    has_qemu_user: bool
    tools: Tools
    prints_after: bool = False  # something of its own when a command has ended


def greet(shell: Shell, target: TargetSpec) -> Greeting:
    """Ask; the work folder is there, and ours alone, afterwards.

    Raises:
        DeviceError: it can't be made, it belongs to somebody else, or nothing there can make a sha256.
    """
    _check_work_dir(target)
    script = f"work={quoted(target.device.work_dir)}\n{_QUESTIONS}{_HOME}"
    answer = shell.answer(script, "ask who it is")
    pairs = (line.partition("=") for line in answer.stdout.decode("utf-8", "replace").splitlines())
    found = {key: value.strip() for key, _, value in pairs if _sane(key, value.strip())}
    if answer.code != 0 or "work" not in found:
        raise DeviceError(
            f"{shell.name}: no folder to work in: {target.device.work_dir or 'its default'} cannot be made,"
            f" belongs to somebody else, or can be written by others{_reason(answer)}",
            hint=f"set [device].work_dir of targets/{target.name}.toml to a folder of your own there",
        )
    return replace(_greeting(shell.name, found), prints_after=answer.more_after)


def _reason(answer: Answer) -> str:
    return f": {said(answer)}" if answer.stderr.strip() else ""


def _greeting(name: str, found: dict[str, str]) -> Greeting:
    macos = found.get("system") == "Darwin"
    return Greeting(
        work_dir=found["work"],
        arch="aarch64" if macos and found.get("arch") == "arm64" else found.get("arch"),
        cores=_number(found.get("cores")),
        page_size_bytes=_number(found.get("page_size")),
        board=found.get("board"),
        boot_id=found.get("boot_id"),
        serial=_serial(found),
        android=found.get("android") == "yes",
        macos=macos,
        locker=next((locker for locker in LOCKERS if found.get(locker) == "yes"), None),
        has_qemu_user="exe" in found,
        tools=Tools(_hasher(name, found, macos), is_bsd=macos),
    )


def _serial(found: dict[str, str]) -> str:
    """A host over ssh has the serial it has as the local machine, so both ways take the same lock."""
    if found.get("serialno"):
        return f"adb-{found['serialno']}"
    if found.get("uuid"):
        return f"mac-{found['uuid'].lower()}"
    board = board_serial(found.get("board_serial"), found.get("cpu_serial"))
    return host_serial(board, found.get("machine_id"), found.get("node"))


def _hasher(name: str, found: dict[str, str], macos: bool) -> str:
    # The openssl of macOS is another program, of which not every version can print in the form of sha256sum.
    if macos and found.get("shasum") == "yes":
        return "shasum -a 256"
    # openssl uses the processor's SHA instructions, where coreutils often do not.
    if found.get("openssl") == "yes":
        return "openssl dgst -sha256 -r"
    if found.get("sha256sum") == "yes":
        return "sha256sum"
    raise DeviceError(
        f"{name}: neither openssl nor sha256sum is there, so nothing that is sent could be checked",
        hint="install coreutils, busybox or toybox on the device",
    )


def _sane(key: str, value: str) -> bool:
    return bool(re.fullmatch(_FORMS.get(key, "yes"), value))


def _number(text: str | None) -> int | None:
    return int(text) if text else None


def _check_work_dir(target: TargetSpec) -> None:
    wanted = target.device.work_dir
    if wanted and not (re.fullmatch(_FORMS["work"], wanted) and ".." not in wanted.split("/")):
        raise DeviceError(
            f"targets/{target.name}.toml: [device].work_dir: {wanted!r} is not an absolute path",
            hint="for example /data/local/tmp/lab",
        )
