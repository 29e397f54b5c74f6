"""The names a person gives runs."""

from __future__ import annotations

from lab.core.errors import UsageError
from lab.core.names import check_name

CONFIRM = "confirm"  # a session of `lab gate --confirm`
CALIBRATE = "calibrate"  # a session of `lab calibrate`
# Words that mean something already where a run is named.
RESERVED = {"latest": "the newest run", "last": "the newest runs", CONFIRM: "lab's own sessions"}
RESERVED |= {CALIBRATE: "lab's own sessions", "head": "a revision"}


def check_tag(name: str) -> None:
    """Raise UsageError for a name that cannot be a tag, or that would be taken for something else."""
    check_name("tag", name, UsageError)
    if name in RESERVED:
        raise UsageError(f"--tag {name}: this word stands for {RESERVED[name]}", hint="choose another name")
    if ".." in name:
        raise UsageError(f"--tag {name}: '..' means a range", hint="choose another name")
