"""Before anything is built for several targets each device is asked; what is not there is on record, and no more."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from lab import store
from lab.core.errors import DeviceUnreachableError
from lab.devices.link import Access
from lab.devices.local import LocalDevice
from lab.jobs.fleet import ask as asking
from lab.jobs.fleet.ask import ask
from lab.jobs.fleet.member import Member
from lab.jobs.options import RunOptions
from lab.views.progress.fleet import fleet_progress
from tests.measure.bench import Said

TARGET = """schema = 1
name = "{name}"
description = "A board"
[device]
transport = "ssh"
[ssh]
host = "{host}"
"""


class Board(LocalDevice):
    """A board that answers when the other has been asked too, or that is not there."""

    asked = threading.Barrier(2, timeout=20)

    def facts(self) -> dict[str, Any]:
        Board.asked.wait()
        if self.name == "lost":
            raise DeviceUnreachableError("lost: no such host", hint="check [ssh].host")
        return super().facts()


@pytest.fixture
def boards(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "targets").mkdir()
    for name in ("there", "lost"):
        (home / "targets" / f"{name}.toml").write_text(TARGET.format(name=name, host=f"{name}.invalid"))
    monkeypatch.setattr("lab.jobs.run.open_device", lambda target, access: board(target))


def board(target: Any) -> Board:
    made = Board(target)
    made.name = target.name  # type: ignore[attr-defined]
    return made


def asked(*names: str) -> tuple[list[Member], Said]:
    members, progress = [Member(name) for name in names], Said()
    options = [RunOptions(target=name, model="phi3-mini-q4", layers=1) for name in names]
    ask(members, options, progress, Access())
    return members, progress


def test_devices_are_asked_at_the_same_time_and_a_lost_one_is_told_and_on_record(boards: None) -> None:
    (there, lost), progress = asked("there", "lost")
    assert (there.code, lost.code) == (None, 4)
    record = store.read("latest").record
    assert (record.target.name, record.status, record.reason) == ("lost", "failed", "lost: no such host")
    assert [document["run_id"] for document in lost.documents] == [record.run_id]
    (told,) = [note for note in progress.notes if note.startswith("lost: no such host")]
    for step in ("check [ssh].host", "--at ADDRESS ([user@]host", f"lab run --resume {record.run_id}"):
        assert step in told


def test_this_machine_is_not_asked(boards: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "opened", None)
    (member,), progress = asked("local")
    assert member.code is None
    assert progress.phases == []


def test_what_was_told_is_not_told_again(boards: None, capsys: pytest.CaptureFixture[str]) -> None:
    import sys

    (_, lost), _ = asked("there", "lost")
    with fleet_progress(sys.stderr, [lost]) as show:
        show()
    assert capsys.readouterr().err == ""
