"""Ctrl-C at every moment of a program's life."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.devices.base import Device
from tests.devices.shell_link import shell_device

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
