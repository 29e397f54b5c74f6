"""Ctrl-C at every moment of a program's life."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.devices.base import Device
from lab.devices.environment import LIMITS_OF_THREADS
from lab.devices.local import LocalDevice
from lab.devices.remote.identify import greet
from lab.devices.remote.shell import Shell
from lab.formats.target import TargetSpec
from lab.formats.transports import DeviceSpec
from tests.devices.shell_link import ShellLink, shell_device, target

LOCAL = TargetSpec(schema=1, name="here", description="", device=DeviceSpec(transport="local"))

TALK = "trap 'echo last words; exit 0' TERM; echo ready; while :; do sleep 0.1; done"


@pytest.fixture
def device(tmp_path: Path) -> Iterator[Device]:
    found = shell_device(tmp_path)
    yield found
    found.close()


def test_ctrl_c_while_the_thread_is_still_starting(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine the program talks before the thread that started it runs again, and Ctrl-C finds it there."""
    lines: list[str] = []
    ready = threading.Event()
    start = threading.Thread.start

    def interrupted(thread: threading.Thread, *args: Any) -> None:
        start(thread, *args)
        if thread.name == "lab-remote":
            assert ready.wait(60)
            raise KeyboardInterrupt

    def take(line: str) -> None:
        lines.append(line)
        ready.set()

    monkeypatch.setattr(threading.Thread, "start", interrupted)
    with pytest.raises(KeyboardInterrupt):
        device.run(["sh", "-c", TALK], timeout_s=60, on_line=take)
    assert lines == ["ready", "last words"]


def test_a_program_gets_the_time_that_its_last_words_take(device: Device) -> None:
    """Ctrl-C may find the waiting thread anywhere, inside Thread.join too, and still nobody is killed early."""
    lines: list[str] = []

    def take(line: str) -> None:
        lines.append(line)
        if line == "ready":
            os.kill(os.getpid(), signal.SIGINT)

    slow = "trap 'sleep 0.7; echo last words; exit 0' TERM; echo ready; while :; do sleep 0.1; done"
    with pytest.raises(KeyboardInterrupt):
        device.run(["sh", "-c", slow], timeout_s=60, on_line=take)
    assert lines == ["ready", "last words"]


def test_no_account_limits_the_threads_of_a_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """OMP_NUM_THREADS=1 in the account's files: nproc obeys it, and so would what is measured."""
    for name in LIMITS_OF_THREADS:
        monkeypatch.setenv(name, "1")
    code = "import os; print(sorted(name for name in os.environ if 'OMP' in name or 'THREAD' in name))"
    for device in (shell_device(tmp_path), LocalDevice(LOCAL)):
        assert device.facts()["cores"] == len(os.sched_getaffinity(0))
        assert device.run([sys.executable, "-c", code], timeout_s=60).stdout == "[]\n"
        done = device.run([sys.executable, "-c", code], timeout_s=60, env={"OMP_NUM_THREADS": "2"})
        assert done.stdout == "['OMP_NUM_THREADS']\n"
        device.close()


def test_nproc_is_asked_without_the_account_s_own_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("OMP_THREAD_LIMIT", "1")
    greeting = greet(Shell("here", ShellLink()), target(tmp_path))
    assert greeting.cores == len(os.sched_getaffinity(0))
