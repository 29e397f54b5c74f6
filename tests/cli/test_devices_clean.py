"""`lab devices clean`, on a host that answers ssh."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Lab
from tests.compiled import share
from tests.devices import kinds
from tests.devices.kinds import Kind


@pytest.fixture
def host(home: Path, tmp_path: Path) -> Iterator[Kind]:
    with kinds.ssh(tmp_path / "host") as kind:
        (home / "targets").mkdir()
        (home / "targets" / "box.toml").write_text(f'schema = 1\nname = "box"\ndescription = ""\n{kind.tables}')
        yield kind


def push(host: Kind, path: Path) -> str:
    path.write_bytes(b"a model")
    device = host.open_again()
    there = device.push(path, "m/model.bin")
    device.close()
    return there


def test_what_was_pushed_is_listed_and_removed(lab: Lab, host: Kind, tmp_path: Path) -> None:
    there = Path(push(host, tmp_path / "model"))
    assert there.read_bytes() == b"a model"
    listed = lab("devices", "clean", "--target", "box", "--json").document
    assert [one["bytes"] for one in listed["files"]] == [7]
    assert not listed["removed"]
    assert there.exists()
    ran = lab("devices", "clean", "--target", "box", "--yes")
    assert (ran.code, ran.err) == (0, "")
    assert "removed 7 B" in ran.out
    assert not there.exists()
    assert "nothing was pushed" in lab("devices", "clean", "--target", "box").out


def test_a_device_in_use_is_left_alone(lab: Lab, host: Kind, tmp_path: Path) -> None:
    there = Path(push(host, tmp_path / "model"))
    device = host.open_again()
    with device.claim("somebody"):
        ran = lab("devices", "clean", "--target", "box", "--yes")
    device.close()
    assert ran.code == 1
    assert "in use by somebody" in ran.err
    assert there.exists()


def test_nothing_is_pushed_to_this_machine(lab: Lab) -> None:
    ran = lab("devices", "clean", "--target", "local")
    assert ran.code == 2
    assert "lab clean" in ran.err


def test_a_host_that_does_not_answer(lab: Lab, home: Path) -> None:
    share(home)
    (home / "targets").mkdir(exist_ok=True)
    ssh = '[device]\ntransport = "ssh"\n[ssh]\nhost = "127.0.0.1"\nport = 1\n'
    (home / "targets" / "box.toml").write_text(f'schema = 1\nname = "box"\ndescription = ""\n{ssh}')
    assert lab("devices", "clean", "--target", "box").code == 4
    assert lab("targets", "check", "box", "--connect").code == 4
    assert lab("probe", "--target", "box").code == 4
