"""A device that fails before anything is measured: on record, exit code 4, and nothing lost."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from lab import store
from lab.core.errors import DeviceFailedError, DeviceUnreachableError, LabError
from lab.devices.local import LocalDevice
from lab.formats.run_record import RunRecord
from lab.measure.document import serial_hash
from tests.cli.conftest import Lab

TARGET = """schema = 1
name = "box"
description = "A board that is not there"
[device]
transport = "ssh"
[ssh]
host = "box.invalid"
"""
RUN = ("run", "--target", "box", "--model", "phi3-mini-q4", "--layers", "2", "--depth", "0,64")


class Lost(LocalDevice):
    """Answers nothing."""

    problem: LabError = DeviceUnreachableError("box: no route to host", hint="is it switched on?")

    @property
    def serial(self) -> str:
        raise copy.copy(self.problem)

    @serial.setter
    def serial(self, value: str) -> None:
        pass

    def facts(self) -> dict[str, Any]:
        raise copy.copy(self.problem)


@pytest.fixture(autouse=True)
def lost(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "targets").mkdir()
    (home / "targets" / "box.toml").write_text(TARGET)
    monkeypatch.setattr("lab.jobs.run.open_device", lambda target, access: Lost(target))


def stored() -> RunRecord:
    return store.load(store.find("latest"))


def test_a_device_that_does_not_answer_is_on_record(lab: Lab) -> None:
    ran = lab(*RUN)
    assert ran.code == 4
    record = stored()
    assert "error: box: no route to host\nhint: is it switched on?; " in ran.err
    assert "if it is elsewhere: --at ADDRESS ([user@]host" in ran.err
    assert f"when it is back, `lab run --resume {record.run_id}` measures the rest\n" in ran.err
    assert (record.status, record.reason) == ("failed", "box: no route to host")
    assert [(cell.depth, cell.status) for cell in record.cells] == [(0, "not_run"), (64, "not_run")]
    assert record.device.serial_hash == serial_hash("ssh  box.invalid ")
    assert "box.invalid" not in str(record.device)
    assert record.bundle.key == ""
    assert record.model.label == "phi3-mini-q4@2l"


def test_a_failure_of_a_gpu_has_the_weights_that_it_would_have_read(lab: Lab, home: Path) -> None:
    gpu = '[compile]\nkind = "opencl"\ngpu = "any-f16"\nmtriple = "aarch64-unknown-linux-gnu"\n'
    (home / "targets" / "box.toml").write_text(TARGET + gpu)
    assert lab(*RUN).code == 4
    record = stored()
    assert (record.weights.layout, record.engine.requested) == ("mlc-kn", "opencl")


def test_json_is_the_record_of_the_failure(lab: Lab) -> None:
    ran = lab(*RUN, "--json")
    assert ran.code == 4
    assert ran.document["run_id"] == stored().run_id
    assert ran.document["status"] == "failed"


def test_a_full_disk_is_on_record_too(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Lost, "problem", DeviceFailedError("box: 2.0 GiB have to be sent, and 1.0 GiB are free"))
    assert lab(*RUN).code == 4
    assert "are free" in str(stored().reason)


def test_what_the_user_asked_wrongly_is_not(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Lost, "problem", LabError("box: no such thing"))
    assert lab(*RUN).code == 1
    assert lab("runs", "--json").document["runs"] == []


def test_such_a_record_can_be_shown_listed_and_resumed(lab: Lab) -> None:
    lab(*RUN)
    assert lab("show", "latest").code == 0
    assert "box: no route to host" in " ".join(lab("show", "latest").out.split())
    assert lab("runs").code == 0
    assert lab("compare", "latest", "latest").code == 5
    assert lab("run", "--resume", "latest").code == 4


def test_a_disk_that_is_full_is_not_elsewhere(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Lost, "problem", DeviceFailedError("box: 2.0 GiB have to be sent, and 1.0 GiB are free"))
    ran = lab(*RUN)
    assert "--at" not in ran.err
    assert "lab run --resume" in ran.err


def test_a_place_that_was_named_is_named_again(lab: Lab) -> None:
    ran = lab(*RUN, "--at", "pi@elsewhere.invalid")
    assert "if it is elsewhere" not in ran.err
    assert f"lab run --resume {stored().run_id} --at ADDRESS" in ran.err
