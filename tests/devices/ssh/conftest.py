"""A server, a way to link to it, and a home folder that is not the user's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.devices.link import Access, Link
from lab.devices.ssh.connect import connect
from lab.formats.target import TargetSpec
from lab.formats.transports import DeviceSpec, SshSpec
from tests.devices.peers.proxy import Proxy
from tests.devices.peers.sshd import Sshd

Connect = Callable[..., Link]


def target(**ssh: Any) -> TargetSpec:
    return TargetSpec(schema=1, name="board", description="", device=DeviceSpec(transport="ssh"), ssh=SshSpec(**ssh))


def use_home(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)


@pytest.fixture
def sshd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sshd]:
    with Sshd(tmp_path / "sshd") as server:
        use_home(monkeypatch, server.home)
        yield server


@pytest.fixture
def proxy(sshd: Sshd) -> Iterator[Proxy]:
    """In front of the server, which is known there too."""
    with Proxy((sshd.host, sshd.port)) as between:
        with sshd.known_hosts.open("a") as known:
            known.write(sshd.known_line(between.port) + "\n")
        yield between


@pytest.fixture
def linked() -> Iterator[Connect]:
    """Connect to what has `host` and `port` (or to the ssh settings given), and close it at the end."""
    links: list[Link] = []

    def make(server: Sshd | Proxy | None = None, access: Access | None = None, **ssh: Any) -> Link:
        if server is not None:
            ssh = {"host": server.host, "port": server.port, **ssh}
        link = connect(target(**ssh), access or Access())
        links.append(link)
        return link

    yield make
    for link in links:
        link.close()


@pytest.fixture
def link(sshd: Sshd, linked: Connect) -> Link:
    return linked(sshd)
