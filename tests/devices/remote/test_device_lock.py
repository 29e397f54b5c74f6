"""The lock on the device, when the one who held it is this host itself."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from lab.core.errors import BusyError
from lab.devices.link import Answer
from lab.devices.remote import device_lock
from lab.devices.remote.device_lock import BUSY
from tests.devices.peers.mac import MacTools
from tests.devices.shell_link import ShellLink, shell_device

HOLDER = "pid {pid} (lab) since 2026-01-02T03:04:05Z, me@here"


@pytest.fixture(autouse=True, params=["linux", "macos", "older macos"])
def system(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whose programs the device has."""
    if request.param != "linux":
        tools = MacTools(tmp_path / "bin", "lockf" if request.param == "macos" else "perl")
        monkeypatch.setattr(ShellLink, "PATH", str(tools.folder))


class Noticing(ShellLink):
    """Calls `then` when a command has found the lock held."""

    def __init__(self, then: ExitStack) -> None:
        super().__init__()
        self.then = then
        self.refused = 0

    def execute(self, command: str, **options: Any) -> Answer:
        answer = super().execute(command, **options)
        if answer.code == BUSY:
            self.refused += 1
            self.then.close()
        return answer


def test_a_session_of_this_host_that_was_cut_off_is_waited_for(tmp_path: Path) -> None:
    """The device notices a moment later than the host that the connection was lost."""
    with ExitStack() as lost:
        lost.enter_context(shell_device(tmp_path / "work").claim(HOLDER.format(pid=1)))
        link = Noticing(lost)
        with shell_device(tmp_path / "work", link).claim(HOLDER.format(pid=2)):
            assert link.refused >= 1


def test_one_that_stays_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_lock, "NOTICE_S", 0.3)
    first, second = (shell_device(tmp_path / "work") for _ in range(2))
    with (
        first.claim(HOLDER.format(pid=1)),
        pytest.raises(BusyError, match="in use by pid 1"),
        second.claim(HOLDER.format(pid=2)),
    ):
        pass


@pytest.mark.slow
def test_hosts_with_different_tools_heed_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_lock, "NOTICE_S", 0.3)
    paths = [ShellLink.PATH, *(str(MacTools(tmp_path / name, name).folder) for name in ("lockf", "perl"))]
    for first in paths:
        for second in paths:
            one, other = (shell_device(tmp_path / "work", ShellLink(path)) for path in (first, second))
            with (
                one.claim(HOLDER.format(pid=1)),
                pytest.raises(BusyError, match="in use by pid 1"),
                other.claim(HOLDER.format(pid=2)),
            ):
                pass


def test_the_holders_name_is_no_command(tmp_path: Path) -> None:
    name = "it's $(touch hacked); `touch hacked` \\ %s, me@here"
    with shell_device(tmp_path / "work").claim(name), pytest.raises(BusyError) as busy:  # noqa: SIM117
        with shell_device(tmp_path / "work").claim("somebody, there"):
            pass
    assert name in busy.value.what
    assert not list(tmp_path.rglob("hacked"))


@pytest.mark.parametrize("locker", ["lockf", "perl"])
def test_a_mac_that_is_held_does_not_go_to_sleep(tmp_path: Path, locker: str) -> None:
    tools = MacTools(tmp_path / locker, locker)
    with shell_device(tmp_path / "work", ShellLink(str(tools.folder))).claim("me, here"):
        pass
    assert tools.times_kept_awake == 1
