"""A Linux host whose programs are a Mac's: what only Linux has is not there, and what macOS has answers as it does.

The texts in tests/devices/mac_says/ have the form that macOS prints; the values are of no real machine.
"""

from __future__ import annotations

import shlex
from pathlib import Path

from tests.devices.peers.programs import program

SAYS = Path(__file__).resolve().parents[1] / "mac_says"
# Programs of POSIX, and those that macOS has by the same name and with the options that lab uses.
# fmt: off
SAME = (
    "bash", "chmod", "cp", "cut", "date", "dd", "df", "echo", "env", "false", "find", "getconf", "id", "kill", "ln",
    "mkdir", "mv", "nice", "perl", "printf", "pwd", "rm", "rmdir", "sed", "seq", "shasum", "sleep", "sort", "tail",
    "tee", "touch", "true", "wc",
)
# fmt: on

_SYSCTL = """
names=; only=
for word; do case $word in -n) only=1 ;; *) names="$names $word" ;; esac; done
code=0
for name in $names; do
  if [ -n "$only" ]; then grep "^$name: " {says} | sed 's/^[^:]*: //' | grep . || code=1
  else grep -E "^$name(: |[.])" {says} || code=1; fi
done
[ $code = 0 ] || echo "sysctl: unknown oid '$name'" >&2
exit $code
"""
_STAT = """
if [ "$1" != -f ]; then echo "stat: illegal option -- c" >&2; exit 1; fi
shape=$(printf %s "$2" | sed 's/%N/%n/; s/%z/%s/'); shift 2
exec {stat} -c "$shape" "$@"
"""
_LOCKF = """
[ "$1 $2 $3 $4" = "-k -s -t 0" ] || { echo "usage: lockf [-knsw] [-t seconds] file command" >&2; exit 64; }
file=$5; shift 5
exec {flock} -n -E 75 "$file" "$@"
"""
# BSD's head counts no zero lines, and what lies below /proc and /sys is not there.
_HEAD = """
[ "$1 $2" != "-n 0" ] || { echo "head: illegal line count -- 0" >&2; exit 1; }
exec {head} "$@"
"""
_NO_PROC = """
for word; do case $word in /proc*|/sys/*) echo "$0 $*" >> {log}; exit 1 ;; esac; done
exec {real} "$@"
"""
_PMSET = """
case "$*" in
"-g") cat {says}/settings ;;
"-g batt") cat {says}/batt_battery ;;
"-g therm") cat {says}/therm_quiet ;;
*) exit 1 ;;
esac
"""
_IOREG = """
case "$*" in
"-r -d 1 -c AGXAccelerator") cat {says}/gpu ;;
"-r -d 1 -c IOPlatformExpertDevice") cat {says}/platform ;;
"-r -n AppleSmartBattery") cat {says}/smart_battery ;;
*) exit 1 ;;
esac
"""


class MacTools:
    """A folder of programs for PATH. `asked_for_proc` tells whether anybody looked into /proc or /sys by them."""

    def __init__(self, folder: Path, locker: str = "lockf") -> None:
        self.folder = folder
        self._log = folder.with_name(folder.name + ".proc")
        self._background = folder.with_name(folder.name + ".background")
        self._awake = folder.with_name(folder.name + ".awake")
        folder.mkdir(parents=True)
        for name in SAME:
            (folder / name).symlink_to(program(name, "perl" if name == "shasum" else "coreutils"))
        (folder / "sh").symlink_to(program("bash", "bash"))
        says = shlex.quote(str(SAYS))
        for name in ("cat", "grep", "tr", "ls"):
            self._script(name, _NO_PROC.format(real=program(name, "coreutils"), log=shlex.quote(str(self._log))))
        self._script("head", _HEAD.replace("{head}", program("head", "coreutils")))
        self._script("stat", _STAT.replace("{stat}", program("stat", "coreutils")))
        self._script("uname", 'case "$1" in -s) echo Darwin ;; -m) echo arm64 ;; -n) echo mac.local ;; esac\n')
        self._script("sysctl", _SYSCTL.replace("{says}", f"{says}/sysctl"))
        self._script("pmset", _PMSET.format(says=says))
        self._script("ioreg", _IOREG.format(says=says))
        self._script("notifyutil", f'[ "$1" = -g ] && cat {says}/pressure\n')
        self._script("sync", f"exec {program('sync', 'coreutils')}\n")  # BSD's looks at no word
        for name in ("sw_vers", "vm_stat", "iostat", "log"):
            self._script(name, f"cat {says}/{name}\n")
        self._script("taskpolicy", f'[ "$1 $2" = "-b -p" ] && echo "$3" >> {shlex.quote(str(self._background))}\n')
        self._script(
            "caffeinate", f'[ "$1" = -i ] && shift && echo awake >> {shlex.quote(str(self._awake))} && exec "$@"\n'
        )
        if locker == "lockf":
            self._script("lockf", _LOCKF.replace("{flock}", program("flock", "util-linux")))

    @property
    def times_kept_awake(self) -> int:
        return len(self._awake.read_text().split()) if self._awake.exists() else 0

    @property
    def in_background(self) -> list[str]:
        return self._background.read_text().split() if self._background.exists() else []

    @property
    def asked_for_proc(self) -> str:
        return self._log.read_text() if self._log.exists() else ""

    def _script(self, name: str, text: str) -> None:
        path = self.folder / name
        path.unlink(missing_ok=True)
        path.write_text(f"#!/bin/sh\n{text}")
        path.chmod(0o755)
