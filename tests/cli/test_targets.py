from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lab.core.errors import DeviceUnreachableError
from tests.cli.conftest import Lab, Ran
from tests.compiled import share
from tests.opencl_device import require_opencl


def put(home: Path, name: str, **changes: str) -> None:
    """Write a target file; `changes` replace the values of keys."""
    values = {"transport": '"local"', "cpu": '"x86-64-v3"', "threads": "1", **changes}
    text = f'schema = 1\nname = "{name}"\ndescription = "a test"\n[device]\ntransport = {values["transport"]}\n'
    text += f"[compile]\ncpu = {values['cpu']}\n[measure]\nthreads = {values['threads']}\n"
    (home / "targets").mkdir(exist_ok=True)
    (home / "targets" / f"{name}.toml").write_text(text)


def results(ran: Ran) -> dict[str, str]:
    return {check["name"]: check["status"] for check in ran.document["checks"]}


def test_a_sound_target_passes_every_check(lab: Lab, home: Path) -> None:
    put(home, "box")
    ran = lab("targets", "check", "box", "--json")
    assert ran.code == 0
    assert results(ran) == dict.fromkeys(("file", "transport", "backend", "processor"), "passed")


def test_a_users_target_hides_a_built_in_one(lab: Lab, home: Path) -> None:
    put(home, "local")
    found = lab("targets", "--json").document["targets"]
    assert [target["description"] for target in found if target["name"] == "local"] == ["a test"]


@pytest.mark.parametrize(
    ("changes", "failed"),
    [
        ({"transport": '"ssh"'}, "transport"),
        ({"transport": '"smoke"'}, "file"),
        ({"cpu": '"no-such-cpu"'}, "processor"),
        ({"threads": '"two"'}, "file"),
    ],
)
def test_each_offline_check_finds_its_mistake(lab: Lab, home: Path, changes: dict[str, str], failed: str) -> None:
    put(home, "box", **changes)
    ran = lab("targets", "check", "box", "--json")
    assert ran.code == 1
    assert [name for name, status in results(ran).items() if status == "failed"] == [failed]
    (found,) = [check for check in ran.document["checks"] if check["name"] == failed]
    assert found["detail"]


def facts(**changes: Any) -> Any:
    known = {"cpu_model": "A small one", "cpu_flags": ["ssse3"], "cores": 2, **changes}
    return lambda self: known


def test_connecting_names_the_feature_that_the_device_lacks(
    lab: Lab, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(home, "box")
    monkeypatch.setattr("lab.devices.local.LocalDevice.facts", facts())
    ran = lab("targets", "check", "box", "--connect", "--json")
    assert ran.code == 1
    assert results(ran)["features"] == "failed"
    (found,) = [check for check in ran.document["checks"] if check["name"] == "features"]
    assert "avx2" in found["detail"]
    assert results(ran)["threads"] == "passed"


def test_connecting_finds_too_many_threads(lab: Lab, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(home, "box", threads="3")
    monkeypatch.setattr("lab.devices.local.LocalDevice.facts", facts(cpu_flags=None))
    assert results(lab("targets", "check", "box", "--connect", "--json"))["threads"] == "failed"


def test_a_device_that_does_not_answer_leaves_with_4(lab: Lab, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(self: object) -> None:
        raise DeviceUnreachableError("box: no answer", hint="is it switched on?")

    put(home, "box")
    monkeypatch.setattr("lab.devices.local.LocalDevice.facts", gone)
    ran = lab("targets", "check", "box", "--connect")
    assert ran.code == 4
    assert "box: no answer" in ran.out
    assert lab("targets", "check", "box").code == 0  # offline nothing is asked of it


def test_all_targets_are_checked_and_one_bad_does_not_stop_the_rest(lab: Lab, home: Path) -> None:
    put(home, "a-bad", transport='"smoke"')
    put(home, "b-good")
    ran = lab("targets", "check", "--json")
    assert ran.code == 1
    assert {check["target"] for check in ran.document["checks"]} >= {"a-bad", "b-good", "local"}


def put_gpu(home: Path, name: str, gpu: str = "any-f32", opencl: str = "accept_cpu = true") -> None:
    share(home)
    text = f'schema = 1\nname = "{name}"\ndescription = "a test"\n[device]\ntransport = "local"\n'
    text += f'[compile]\nkind = "opencl"\ngpu = "{gpu}"\ncpu = "x86-64-v3"\n'
    text += f"[opencl]\n{opencl}\n[measure]\nthreads = 1\n"
    (home / "targets").mkdir(exist_ok=True)
    (home / "targets" / f"{name}.toml").write_text(text)


def test_a_target_with_a_gpu_is_asked_for_that(lab: Lab, home: Path) -> None:
    require_opencl()
    put_gpu(home, "box")
    ran = lab("targets", "check", "box", "--connect", "--json")
    assert ran.code == 0
    names = ("file", "transport", "backend", "gpu", "plug-in", "device", "gpu device", "threads")
    assert results(ran) == dict.fromkeys(names, "passed")


def test_a_gpu_family_that_nobody_knows_is_found_offline(lab: Lab, home: Path) -> None:
    put_gpu(home, "box", gpu="adrenna")
    ran = lab("targets", "check", "box", "--json")
    assert ran.code == 1
    assert results(ran)["gpu"] == "failed"
    assert "adreno" in ran.out


def test_headers_that_nobody_installed_are_said_and_no_failure(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LAB_OPENCL_HEADERS", raising=False)
    monkeypatch.setattr("lab.ondevice.opencl.headers.USUAL", (Path("/nonexistent"),))
    ran = lab("targets", "check", "opencl-host", "--json")
    assert (ran.code, results(ran)["plug-in"]) == (0, "skipped")
    assert "opencl-c-headers" in ran.out


def test_headers_that_are_missing_are_found_offline(
    lab: Lab, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_gpu(home, "box")
    monkeypatch.setenv("LAB_OPENCL_HEADERS", str(tmp_path))
    ran = lab("targets", "check", "box", "--json")
    assert results(ran)["plug-in"] == "failed"
    assert "opencl-c-headers" in ran.out


@pytest.mark.parametrize(
    ("gpu", "opencl", "said"),
    [("any-f16", "", "no cl_khr_fp16"), ("any-f32", 'device = "Adreno"', "Adreno")],
)
def test_connecting_finds_a_gpu_that_does_not_fit(lab: Lab, home: Path, gpu: str, opencl: str, said: str) -> None:
    require_opencl()
    put_gpu(home, "box", gpu, opencl)
    ran = lab("targets", "check", "box", "--connect", "--json")
    assert ran.code == 1
    assert results(ran)["gpu device"] == "failed"
    (found,) = [check for check in ran.document["checks"] if check["name"] == "gpu device"]
    assert said in found["detail"]
