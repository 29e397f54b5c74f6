"""A line is added whole or not at all, by however many at once."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import asyncssh
import pytest

from lab.core.errors import DeviceError
from lab.devices.ssh.known_hosts import KnownHosts, add_line
from tests.devices.peers.sshd import make_key

BEFORE = "# mine\n"


@pytest.fixture
def key(tmp_path: Path) -> asyncssh.SSHKey:
    return asyncssh.read_public_key(str(make_key(tmp_path / "key")) + ".pub")


@pytest.fixture
def known(tmp_path: Path) -> Path:
    path = tmp_path / "known_hosts"
    path.write_text(BEFORE)
    return path


def test_half_a_line_is_taken_back(known: Path, key: asyncssh.SSHKey, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = os.write
    monkeypatch.setattr(os, "write", lambda handle, data: whole(handle, data[: len(data) // 2]))
    with pytest.raises(DeviceError, match="no room"):
        add_line(known, "board", key)
    assert known.read_text() == BEFORE


def test_many_at_once_lose_nothing(known: Path, key: asyncssh.SSHKey) -> None:
    names = [f"board{number}" for number in range(20)]
    threads = [threading.Thread(target=add_line, args=(known, name, key)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    text = known.read_text()
    assert text.startswith(BEFORE)
    assert sorted(line.split()[0] for line in text.splitlines()[1:]) == sorted(names)
    assert all(KnownHosts(name, [], [known]).lines[0].keys == (key,) for name in names)


def test_a_link_to_the_file_stays_one(known: Path, key: asyncssh.SSHKey, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(known)
    add_line(link, "board", key)
    assert link.is_symlink()
    assert known.read_text().count("\n") == 2


def test_lines_that_nobody_understands_are_left_out(known: Path, key: asyncssh.SSHKey) -> None:
    known.write_bytes(b"\xff\xfe\nboard\n@what board ssh-rsa AAAA\n|1|bad|hash| ssh-rsa AAAA\n")
    add_line(known, "board", key)
    (line,) = KnownHosts("board", [], [known, known.with_name("missing")]).lines
    assert (line.place, line.keys) == (f"{known}:5", (key,))
