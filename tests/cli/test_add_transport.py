"""A transport is added here by one row and one module, and all of lab works over it: the shell of this machine."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from lab import store
from lab.analysis.exchange.writers.anonymise import hostless
from lab.core.errors import ConfigError, DeviceUnreachableError, UsageError
from lab.devices.link import Access
from lab.formats.run_record import TargetRecord
from lab.formats.target import TargetSpec, all_targets, at, load_target
from lab.formats.transports import TRANSPORTS, DeviceSpec, Transport
from lab.measure.document import target_record
from tests.analysis.documents import record
from tests.cli.conftest import Lab
from tests.compiled import share
from tests.devices.shell_link import ShellLink

PORT = "ttyTopSecret"
FILE = """schema = 1
name = "bench-board"
description = "A board on a serial line"
[device]
transport = "serial"
work_dir = "{work_dir}"
[serial]
port = "{port}"
baud = 115200
"""
RUN = ("run", "--target", "bench-board", "--model", "phi3-mini-q4", "--layers", "1", "--prompt", "8", "--generate", "4")


@dataclass(frozen=True)
class SerialSpec:
    port: str = ""
    baud: int = 9600


def check(target: TargetSpec) -> str:
    if not target.table.port:
        raise ConfigError(f"{target.name}: [serial].port: which port?")
    return f"a serial line at {target.table.baud} baud"


def connect(target: TargetSpec, access: Access) -> ShellLink:
    if target.table.port == "ttyNobody":
        raise DeviceUnreachableError(f"{target.name}: nobody answers at ttyNobody")
    return ShellLink()


def typed(table: SerialSpec, device: DeviceSpec, text: str) -> tuple[SerialSpec, DeviceSpec] | None:
    return (replace(table, port=text), device) if text.startswith("tty") else None


ROW = Transport(
    "serial", SerialSpec, public=("baud",), place=("port",), module=__name__, at=typed, forms="the name of a port"
)


@pytest.fixture(autouse=True)
def added(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TRANSPORTS, "serial", ROW)


@pytest.fixture
def board(home: Path, tmp_path: Path) -> Path:
    share(home)
    file = home / "targets" / "bench-board.toml"
    file.parent.mkdir(exist_ok=True)
    file.write_text(FILE.format(work_dir=tmp_path / "work", port=PORT))
    return file


def test_its_target_file_is_read_and_checked(lab: Lab, board: Path) -> None:
    checks = lab("targets", "check", "bench-board", "--connect", "--json").document
    assert "a serial line at 115200 baud" in json.dumps(checks)
    assert load_target("bench-board").table == SerialSpec(PORT, 115200)
    board.write_text(board.read_text().replace("baud", "bauds"))
    broken = all_targets()["bench-board"]
    assert isinstance(broken, ConfigError)
    assert "[serial].bauds: unknown key. Did you mean baud?" in broken.what


def test_a_target_of_another_transport_needs_no_such_table() -> None:
    assert load_target("local").table == TRANSPORTS["local"].spec()


def test_an_address_is_typed_in_its_own_form(board: Path) -> None:
    moved = at(load_target("bench-board"), "ttyOther")
    assert moved.table.port == "ttyOther"
    assert moved.place != load_target("bench-board").place
    with pytest.raises(UsageError, match="reached over serial") as refused:
        at(moved, "192.168.1.1")
    assert "the name of a port" in refused.value.hint


def test_without_its_row_it_is_no_transport(board: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(TRANSPORTS, "serial")
    board.write_text(board.read_text().partition("[serial]")[0])
    with pytest.raises(ConfigError, match="local, ssh, adb, qemu, none"):
        load_target("bench-board")


@pytest.mark.slow
def test_a_run_over_it_is_measured_recorded_and_exported_without_its_address(lab: Lab, home: Path, board: Path) -> None:
    ran = lab(*RUN, "--repeats", "2")
    assert ran.code == 0, ran.err
    kept = store.load(store.find("latest"))
    assert kept.target.spec["serial"] == {"baud": 115200}
    assert kept.device.facts["link"] == "the shell of this machine"
    assert lab("probe", "--target", "bench-board").code == 0
    written = "".join(path.read_text() for path in (home / "profiles").rglob("*.json"))
    for form in ("csv", "jsonl", "bencher"):
        exported = lab("export", kept.run_id, "--format", form)
        assert exported.code == 0, exported.err
        written += exported.out
    assert PORT not in written


def test_the_address_in_the_reason_of_a_failure_leaves_no_machine(lab: Lab, board: Path) -> None:
    board.write_text(board.read_text().replace(PORT, "ttyNobody"))
    assert lab(*RUN).code == 4
    kept = store.load(store.find("latest"))
    exported = lab("export", kept.run_id, "--format", "csv").out
    assert "nobody answers at <host>" in exported
    assert "ttyNobody" not in exported


@pytest.mark.parametrize("known", [True, False], ids=["known", "of another lab"])
def test_who_declares_nothing_hides_everything(known: bool, board: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row that says nothing of what is public; a record of a lab that has a transport which this one lacks."""
    monkeypatch.setitem(TRANSPORTS, "serial", Transport("serial", SerialSpec, module=__name__))
    assert "serial" not in target_record(load_target("bench-board")).spec
    if not known:
        monkeypatch.delitem(TRANSPORTS, "serial")
    spec: dict[str, Any] = {"serial": {"port": PORT, "baud": 115200}}
    kept = replace(record(), target=TargetRecord("elsewhere", spec))
    assert hostless(f"{PORT}: gone", kept) == "<host>: gone"
