"""OpenSSH's configuration files with what no configuration should have: told by file and line."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lab.core.errors import ConfigError, LabError
from lab.devices.ssh import route
from lab.devices.ssh.route import Resolved
from lab.formats.transports import SshSpec

CASES = Path("tests/cases/security")


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(route, "CONFIGURATION", ("~/.ssh/config",))
    (tmp_path / ".ssh").mkdir()
    return tmp_path / ".ssh/config"


def resolved() -> Resolved:
    (hop,) = route.route(SshSpec(host="rpi5"))
    hop.known_hosts()
    return hop


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ((CASES / "ssh-config-nul.txt").read_bytes(), 3, "a NUL character"),
        ((CASES / "ssh-config-unknown-home.txt").read_bytes(), 3, "~nosuchuser/known_hosts: no such user"),
        (b"Host rpi5\n Include ~/.ssh/config\n", 2, "more than 16 files include each other"),
        (b"Host rpi5\n Include config\n", 2, "more than 16 files include each other"),
        (b"RekeyLimit " + b"9" * 400 + b"G\n", 1, "rekeylimit"),
        (b"# one\nPort " + b"1" * 5000 + b"\n", 2, "port"),
        (b"ConnectTimeout " + b"1" * 4000 + b"\n", 1, "connecttimeout"),
        (b"ConnectTimeout=1e999\n", 1, "connecttimeout"),
        (b"ServerAliveInterval inf\n", 1, "serveraliveinterval"),
    ],
)
def test_what_cannot_be_read_is_told_by_line(config: Path, text: bytes, line: int, problem: str) -> None:
    config.write_bytes(text)
    with pytest.raises(ConfigError) as caught:
        resolved()
    assert f"line {line} of {config}: {problem}" in caught.value.what
    assert len(caught.value.what) < 400


def test_what_ssh_takes_is_taken(config: Path) -> None:
    config.write_text(
        'Host rpi5\n Port "2222"\n HostName=10.0.0.3\n RekeyLimit 1G 1h\n ConnectTimeout 10\n Include more/*\n'
    )
    (config.parent / "more").mkdir()
    (config.parent / "more/one").write_text("Host *\n User pi\n")
    assert resolved().address == "pi@10.0.0.3:2222"


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_bytes_are_read_or_refused(config: Path, data: st.DataObject) -> None:
    names = st.sampled_from(
        ["Host", "Match", "Port", "RekeyLimit", "UserKnownHostsFile", "ProxyJump", "IdentityFile", "HostName", "User"]
    )
    words = st.one_of(st.text(max_size=20), st.sampled_from(["*", "rpi5", "~x/y", "[", "%d", "${HOME}", "9" * 400]))
    lines = data.draw(st.lists(st.tuples(names, words).map(" ".join), max_size=4))
    config.write_bytes("\n".join(lines).encode("utf-8", "surrogatepass"))
    with suppress(LabError):
        resolved()
