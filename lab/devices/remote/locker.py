"""Commands that hold a file's lock on a device for as long as their standard input stays open.

All take the same lock (flock(2) on the file `lock`), so that hosts with different tools heed each other, and the
kernel lets go of it when the last process that holds it ends.
"""

from __future__ import annotations

from typing import Literal, get_args

from lab.devices.remote.words import quoted

Locker = Literal["flock", "lockf", "perl"]
LOCKERS: tuple[Locker, ...] = get_args(Locker)
BUSY = 75  # EX_TEMPFAIL, which lockf ends with by itself

# A Mac that nobody types on goes to sleep, also in the middle of a measurement: caffeinate keeps it awake.
_AWAKE = "if command -v caffeinate >/dev/null 2>&1; then caffeinate -i cat >/dev/null; else cat >/dev/null; fi"
_HOLD = f"printf '%s\\n' \"$1\" > holder; echo held; {_AWAKE}"
# Close-on-exec, which perl sets above $^F, would let go of the lock.
_PERL = f"$^F = 255; open(F, q(>>), q(lock)) or exit 1; flock(F, LOCK_EX | LOCK_NB) or exit {BUSY}; exec(@ARGV)"


def holding(locker: Locker, work_dir: str, holder: str) -> str:
    """Return the command: it says "held" and stays, or says who has the lock and ends with the code BUSY."""
    if locker == "flock":
        inside = f"if flock -n 9; then set -- {quoted(holder)}; {_HOLD}; else cat holder; exit {BUSY}; fi"
        return f"cd {quoted(work_dir)} && exec 9>>lock && {inside}"
    take = "lockf -k -s -t 0 lock" if locker == "lockf" else f"perl -MFcntl=:flock -e {quoted(_PERL)}"
    inside = f"{take} sh -c {quoted(_HOLD)} sh {quoted(holder)}; code=$?; [ $code != {BUSY} ] || cat holder; exit $code"
    return f"cd {quoted(work_dir)} && {{ {inside}; }}"
