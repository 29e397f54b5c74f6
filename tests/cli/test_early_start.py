"""`lab run` and `lab targets check --connect` of a device that cannot start the runner."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path

import pytest

from lab import store
from lab.core.lock import device_lock
from lab.formats.target import TargetSpec
from lab.jobs.build import Pipeline
from lab.measure.runner.starting import NotStartedError
from lab.ondevice.build import RunnerFiles
from tests.cli.conftest import Lab
from tests.cli.test_targets import results
from tests.devices.shell_link import shell_device

TARGET = """schema = 1
name = "here"
description = "This machine's shell, as if it were far away"
[device]
transport = "ssh"
[ssh]
host = "here.invalid"
[compile]
mtriple = "x86_64-unknown-linux-gnu"
cpu = "x86-64-v3"
[measure]
threads = 1
"""
RUN = ("run", "--target", "here", "--model", "phi3-mini-q4", "--layers", "1")
SAYS = "lab-bench: /lib/libc.so.6: version `GLIBC_2.28' not found (required by lab-bench)"
WHY = "here: its C or C++ library is too old for the runner: GLIBC_2.28 is not found there"
HINT = 'set libc = "carried" in [compile] of targets/here.toml'


@pytest.fixture(autouse=True)
def built(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A runner that no loader takes; returns what is built beside it."""
    (home / "targets").mkdir()
    (home / "targets" / "here.toml").write_text(TARGET)
    binary, steps = tmp_path / "lab-bench", list[str]()
    binary.write_text(f"#!/bin/sh\ncat >&2 <<'END'\n{SAYS}\nEND\nexit 1\n")
    libs = (tmp_path / "libtvm_ffi.so", tmp_path / "libtvm_runtime.so")
    for lib in libs:
        lib.write_bytes(b"x")

    def runner(self: Pipeline, target: TargetSpec) -> RunnerFiles:
        self.time_s["runner"] = 0.1
        return RunnerFiles(binary, libs, "ab" * 32, "none", {})

    def bundle(*_: object) -> None:
        steps.append("bundle")
        raise KeyboardInterrupt

    monkeypatch.setattr(Pipeline, "runner", runner)
    monkeypatch.setattr(Pipeline, "bundle", bundle)
    for place in ("lab.jobs.run.open_device", "lab.devices.registry.open_device"):
        monkeypatch.setattr(place, lambda target, access: shell_device(tmp_path / "work"))
    return steps


def test_it_is_told_before_anything_is_built(lab: Lab, built: list[str]) -> None:
    ran = lab(*RUN)
    assert ran.code == 4
    assert f"error: {WHY}\nhint: {HINT}" in ran.err
    assert built == []
    run = store.load(store.find("latest"))
    assert run.status == "failed"


def test_the_check_says_it_too(lab: Lab) -> None:
    ran = lab("targets", "check", "here", "--connect", "--json")
    assert ran.code == 1
    assert results(ran)["runner"] == "failed"
    (check,) = [one for one in ran.document["checks"] if one["name"] == "runner"]
    assert (check["detail"], check["hint"]) == (WHY, HINT)


def test_a_device_that_somebody_measures_on_is_left_alone(lab: Lab, built: list[str], tmp_path: Path) -> None:
    device = shell_device(tmp_path / "work")
    with device_lock(device.serial, "another"):
        assert lab(*RUN).code == 130
    assert built == ["bundle"]


def test_the_error_survives_a_copy() -> None:
    problem = NotStartedError("a", "b", by_libc=True)
    for same in (copy.copy(problem), pickle.loads(pickle.dumps(problem))):
        assert (same.what, same.hint, same.by_libc) == ("a", "b", True)
