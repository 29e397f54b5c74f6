"""Which tests share a worker, and which go first: what takes long does, so that no worker has much left at the end.

Tests of a file share a worker, and so its fixtures, as with `--dist loadfile`. Tests of an emulated machine share one
across files: it boots for a minute. An order that is no longer true costs time and nothing else.
"""

from __future__ import annotations

from typing import Any

from xdist.scheduler import LoadScopeScheduling

MACHINES = ("[machine-ssh", "[machine-adb")
LONGEST_FIRST = (
    "tests/devices/faults/test_machine.py",
    "tests/devices/test_contract.py",
    "tests/devices/test_whole_run.py",
    "tests/devices/test_opencl_phone.py",
    "tests/devices/faults/",
    "tests/devices/qemu/",
    "tests/ondevice/test_arm.py",
    "tests/cli/test_whole_path",
    "tests/compile/",
    "tests/ondevice/",
    "tests/devices/",
)


def scope_of(nodeid: str) -> str:
    """Return what a test shares a worker with: its machine, or else its file."""
    machines = [name for name in MACHINES if name in nodeid]
    return machines[0] if machines else nodeid.partition("::")[0]


def place_of(nodeid: str) -> int:
    """Return where a test belongs among all: the number of its entry in LONGEST_FIRST, or that of the others."""
    return next((at for at, start in enumerate(LONGEST_FIRST) if nodeid.startswith(start)), len(LONGEST_FIRST))


class Scheduling(LoadScopeScheduling):
    """Gives workers scope by scope, in the order that the tests were collected in."""

    def __init__(self, config: Any, log: Any = None) -> None:
        config.option.loadscopereorder = False  # it would begin with the files of most tests, which are quick ones
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        return scope_of(nodeid)
