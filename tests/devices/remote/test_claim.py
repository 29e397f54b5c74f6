"""The lock on the device, when the one who held it is this host itself."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from lab.core.errors import BusyError
from lab.devices.link import Answer
from lab.devices.remote import claim
from tests.devices.shell_link import ShellLink, shell_device

HOLDER = "pid {pid} (lab) since 2026-01-02T03:04:05Z, me@here"


class Noticing(ShellLink):
    """Calls `then` when a command has found the lock held."""

    def __init__(self, then: ExitStack) -> None:
        super().__init__()
        self.then = then
        self.refused = 0

    def execute(self, command: str, **options: Any) -> Answer:
        answer = super().execute(command, **options)
        if answer.code == claim.BUSY:
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
    monkeypatch.setattr(claim, "NOTICE_S", 0.3)
    first, second = (shell_device(tmp_path / "work") for _ in range(2))
    with (
        first.claim(HOLDER.format(pid=1)),
        pytest.raises(BusyError, match="in use by pid 1"),
        second.claim(HOLDER.format(pid=2)),
    ):
        pass
