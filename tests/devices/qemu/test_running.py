"""An emulator lives exactly as long as who started it, whatever ends it."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import pytest

from lab.core.errors import DeviceUnreachableError
from lab.devices.qemu.image import Image
from lab.devices.qemu.running import Running

GONE_S = 20.0

# A family that wants to live: it ignores what asks to end, and one of it has a session of its own.
DEAF = "trap '' TERM INT HUP"
FAMILY = f'{DEAF}; setsid sh -c "{DEAF}; sleep 1000" & echo started; while :; do sleep 1000; done'
STARTER = """
import sys, threading
from lab.devices.qemu.running import Running
running = Running("test", sys.argv[1:])
running.wait_until(lambda: "started" in running.tail(), timeout_s=60)
print("ready", flush=True)
threading.Event().wait()
"""
DEVICE_STARTER = """
import sys, threading
from lab.devices.qemu.connect import STARTERS
from lab.devices.qemu.image import find_image
from tests.devices import emulated
guest = STARTERS[sys.argv[1]](emulated.target(sys.argv[1]), find_image(sys.argv[1]))
print("ready", flush=True)
threading.Event().wait()
"""


def descendants(pid: int) -> list[int]:
    """Return every process below `pid`, and not `pid` itself."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            after_name = stat.read_text("utf-8", "replace").rpartition(")")[2].split()
            children.setdefault(int(after_name[1]), []).append(int(stat.parent.name))
    found: list[int] = []
    waiting = [pid]
    while waiting:
        below = children.get(waiting.pop(), [])
        found += below
        waiting += below
    return found


class Starter:
    """A process that started something, and all that is below it."""

    def __init__(self, code: str, *words: str, env: dict[str, str] | None = None) -> None:
        self._stack = ExitStack()
        argv = [sys.executable, "-c", code, *words]
        self.process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=env)
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == b"ready\n"
        self.below = descendants(self.process.pid)
        self._handles = {pid: os.pidfd_open(pid) for pid in self.below}

    def left(self) -> list[int]:
        """Return who still lives below, after waiting for all to end."""
        deadline = time.monotonic() + GONE_S
        waiting = dict(self._handles)
        while waiting and (left_s := deadline - time.monotonic()) > 0:
            ended, _, _ = select.select(list(waiting.values()), [], [], left_s)
            waiting = {pid: handle for pid, handle in waiting.items() if handle not in ended}
        return list(waiting)

    def close(self) -> None:
        for pid in self.left():
            os.kill(pid, signal.SIGKILL)
        for handle in self._handles.values():
            os.close(handle)
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def family() -> Iterator[Starter]:
    with closing(Starter(STARTER, "sh", "-c", FAMILY)) as starter:
        yield starter


def start(argv: Sequence[str]) -> Running:
    return Running("test", argv)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_when_lab_is_killed_nothing_is_left(family: Starter, number: signal.Signals) -> None:
    assert len(family.below) >= 4  # the supervisor, the shell, the one that left, a sleep
    family.process.send_signal(number)
    assert family.left() == []


def test_when_the_keeper_is_killed_the_emulator_is_too() -> None:
    with closing(Starter(STARTER, "sh", "-c", "echo started; exec sleep 1000")) as starter:
        supervisor, emulator = starter.below
        os.kill(supervisor, signal.SIGKILL)
        assert starter.left() == []
        assert emulator in starter.below


def home_of(image: Image) -> dict[str, str]:
    return {**os.environ, "LAB_HOME": str(image.folder.parents[2]), "PYTHONPATH": os.pathsep.join(sys.path)}


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_phone_leaves_no_process(phone_image: Image, number: signal.Signals) -> None:
    with closing(Starter(DEVICE_STARTER, "phone", env=home_of(phone_image))) as starter:
        assert len(starter.below) >= 4  # supervisor, unshare, the first process of the phone, adbd
        starter.process.send_signal(number)
        assert starter.left() == []


def test_a_phone_leaves_no_process_when_the_keeper_is_killed(phone_image: Image) -> None:
    with closing(Starter(DEVICE_STARTER, "phone", env=home_of(phone_image))) as starter:
        os.kill(starter.below[0], signal.SIGKILL)
        assert starter.left() == []


@pytest.mark.slow
def test_a_machine_leaves_no_process(machine_image: Image) -> None:
    with closing(Starter(DEVICE_STARTER, "machine", env=home_of(machine_image))) as starter:
        starter.process.kill()
        assert starter.left() == []


def test_close_ends_it_and_may_be_called_again() -> None:
    running = start(["sh", "-c", "echo started; exec sleep 1000"])
    running.wait_until(lambda: "started" in running.tail(), timeout_s=60)
    running.check()
    running.close()
    running.close()
    with pytest.raises(DeviceUnreachableError, match="the emulator has ended"):
        running.check()


def failure_of(argv: Sequence[str], *, timeout_s: float = 600) -> str:
    """Return what is said when a device that never answers is waited for."""
    with closing(start(argv)) as running, pytest.raises(DeviceUnreachableError) as caught:
        running.wait_until(lambda: False, timeout_s=timeout_s)
    return str(caught.value)


def test_an_emulator_that_ends_is_noticed_at_once_and_its_last_words_are_told() -> None:
    said = failure_of(["sh", "-c", "echo first; printf 'red \\033[31m line\\n'; exit 3"])
    assert said.splitlines() == ["test: the emulator has ended", "  first", "  red [31m line"]


def test_an_emulator_that_does_not_exist_is_told() -> None:
    assert "/no/such/emulator: cannot start: No such file" in failure_of(["/no/such/emulator"])


def test_a_kernel_that_panics_is_ended() -> None:
    said = failure_of(["sh", "-c", "echo '[ 1.0] Kernel panic - not syncing: sysrq'; exec sleep 1000"])
    assert "the emulator has ended" in said
    assert "Kernel panic - not syncing: sysrq" in said


def test_one_that_never_answers_is_given_up() -> None:
    assert "does not answer after 0.1 s" in failure_of(["sleep", "1000"], timeout_s=0.1)


def test_a_talkative_guest_does_not_fill_the_disk() -> None:
    words = "yes 0123456789 | head -c 9000000; echo; echo end; exec sleep 1000"
    with closing(start(["sh", "-c", words])) as running:
        running.wait_until(lambda: running.tail().endswith("end"), timeout_s=60)
        assert os.fstat(running._console.fileno()).st_size < 6 << 20
