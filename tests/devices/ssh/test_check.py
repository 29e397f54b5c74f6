from __future__ import annotations

from pathlib import Path

import pytest

from lab.core.errors import ConfigError
from lab.devices.ssh.check import check
from tests.devices.peers.sshd import make_key
from tests.devices.ssh.conftest import target


def test_a_target_without_a_host_is_named() -> None:
    with pytest.raises(ConfigError, match=r"^targets/board.toml: \[ssh\].host: missing"):
        check(target())


def test_a_host_is_enough() -> None:
    check(target(host="board.local"))


@pytest.mark.parametrize(
    ("key", "says"),
    [("relative", "is not absolute"), ("/no/such/key", "No such file"), ("/proc/self/status", "is not a private key")],
)
def test_a_key_that_cannot_be(key: str, says: str) -> None:
    with pytest.raises(ConfigError, match=r"^targets/board.toml: \[ssh\].key: .*" + says):
        check(target(host="board.local", key=key))


def test_a_key_that_others_can_read(tmp_path: Path) -> None:
    key = make_key(tmp_path / "key")
    check(target(host="board.local", key=str(key)))
    key.chmod(0o604)
    with pytest.raises(ConfigError, match="others can read it") as refused:
        check(target(host="board.local", key=str(key)))
    assert refused.value.hint == f"chmod 600 {key}"


def test_the_home_folder_is_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    make_key(tmp_path / "key")
    check(target(host="board.local", key="~/key"))
