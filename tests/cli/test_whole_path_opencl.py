"""`lab run` on this machine's OpenCL device, for real, on two layers of Phi-3-mini; and on a driver with faults."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests import narrow
from tests.cli.test_whole_path import start
from tests.compiled import share
from tests.ondevice.opencl.shim import build_shim, faults
from tests.opencl_device import require_opencl

pytestmark = pytest.mark.slow

MODEL = ("--model", "phi3-mini-q4", "--layers", "2")
NARROW = ("--model", narrow.MODEL, "--layers", "2")
SHORT = ("--prompt", "16", "--generate", "6", "--repeats", "2")
REPO = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with targets of its own: `shim` is `opencl-host` with a driver that faults can be planted in."""
    require_opencl()
    home = tmp_path_factory.mktemp("home")
    share(home)
    (home / "targets").mkdir()
    text = (REPO / "targets" / "opencl-host.toml").read_text()
    shutil.copy(REPO / "targets" / "opencl-host.toml", home / "targets")
    shim = f'library = "{build_shim(home)}"\naccept_cpu = false'
    text = text.replace('name = "opencl-host"', 'name = "shim"').replace("accept_cpu = true", shim)
    (home / "targets" / "shim.toml").write_text(text)
    return home


def lab(home: Path, *argv: str, env: Mapping[str, str] | None = None) -> tuple[int, str, str]:
    process = start(home, *argv, env=env, module=narrow.__name__)
    out, err = process.communicate(timeout=500)
    return process.returncode, out, err


@pytest.fixture(scope="module")
def document(home: Path) -> dict[str, Any]:
    code, out, err = lab(home, "run", "--target", "opencl-host", *MODEL, *SHORT, "--profile", "--json")
    assert code == 0, err
    found: dict[str, Any] = json.loads(out)
    return found


def test_the_run_is_real_and_says_on_what(document: dict[str, Any]) -> None:
    assert document["status"] == "ok"
    assert document["verify"]["passed"]
    assert document["engine"]["requested"] == "opencl any-f32"
    assert document["engine"]["ran_on"]["gpu"]["device"] in document["engine"]["effective"]
    assert document["engine"]["fell_back"] is False  # the target takes a CPU
    for row in document["cells"][0]["repetitions"]:
        assert row["gpu"]["launches_per_token"] == document["bundle"]["decode"]["launches"]
        assert row["gpu"]["bytes_per_token"] == document["bundle"]["decode"]["bytes"]
    profile = document["cells"][0]["profile"]
    per_token = sum(one["count"] for one in profile["decode"]) / profile["decode_steps"]
    assert per_token == document["bundle"]["decode"]["launches"]


def test_the_second_process_takes_the_programs_of_the_first(document: dict[str, Any]) -> None:
    first, second = (row["gpu"] for row in document["cells"][0]["repetitions"])
    assert first["programs_built"] > 0
    assert (second["programs_built"], second["programs_cached"]) == (0, first["programs_built"])


def test_the_page_for_people_marks_a_driver_that_computes_on_a_cpu(home: Path, document: dict[str, Any]) -> None:
    code, out, _ = lab(home, "show", document["run_id"])
    assert code == 0
    on_cpu = document["engine"]["ran_on"]["gpu"]["type"] == "cpu"
    assert ("OpenCL computes on a CPU here" in out) is on_cpu
    assert "kernels of decode" in out
    assert "launches a token" in " ".join(out.split())


def test_the_build_agrees_with_transformers(home: Path, document: dict[str, Any]) -> None:
    words = ("--prompt-tokens", "40", "--steps", "6", "--json")
    code, out, err = lab(home, "verify", "--target", "opencl-host", *MODEL, *words)
    assert code == 0, err
    found = json.loads(out)["agreement"]
    assert 0 < found["rel_error_worst"] < 1e-4  # all float32: far within the limit of q4
    assert found["argmax_agreement"] == 1


def on_shim(home: Path, model: tuple[str, ...] = NARROW, **wanted: bool | int | str) -> tuple[int, dict[str, Any], str]:
    """Run on the driver with these faults; return the exit code, the newest record and what was said."""
    code, out, err = lab(home, "run", "--target", "shim", *model, *SHORT, "--json", env=faults(**wanted))
    return code, json.loads(out) if out.strip() else {}, err


def test_a_cpu_that_the_target_does_not_accept_is_its_own_verdict(home: Path) -> None:
    code, found, err = on_shim(home, device_type="cpu")
    assert code == 0, err
    assert found["engine"]["fell_back"] is True
    shown = " ".join(lab(home, "show", found["run_id"])[1].split())
    assert "requested GPU, ran on CPU" in shown
    code, out, err = lab(home, "compare", found["run_id"], found["run_id"])
    assert code == 5, err
    assert "both sides requested a GPU and ran on a CPU" in " ".join((out + err).split())


def test_a_device_that_claims_to_be_a_gpu_is_believed(home: Path) -> None:
    code, found, err = on_shim(home, device_type="gpu")
    assert code == 0, err
    assert found["engine"]["fell_back"] is False
    assert "GPU device" in found["engine"]["effective"]


def test_a_device_that_is_lost_fails_each_repetition_and_the_session_goes_on(home: Path) -> None:
    code, found, _ = on_shim(home, lost_after=300)
    assert code == 1
    rows = found["cells"][0]["repetitions"]
    assert [row["status"] for row in rows] == ["failed", "failed"]
    assert all("CL_DEVICE_NOT_AVAILABLE" in row["reason"] + row.get("error", "") for row in rows)
    assert found["status"] == "failed"


def test_a_kernel_that_does_not_build_leaves_the_drivers_log_in_its_row(home: Path) -> None:
    shutil.rmtree(home / "compiled" / "scratch")  # programs that were built before
    code, found, _ = on_shim(home, build_fails="attention")
    assert code == 1
    (row, _) = found["cells"][0]["repetitions"]
    assert row["status"] == "failed"
    assert "\n" in row["error"]
    assert "\n" not in row["reason"]
    assert row["token_ns"] is None


def test_no_device_is_a_record_that_says_so(home: Path) -> None:
    code, found, err = on_shim(home, no_device=True)
    assert code == 4
    assert "Portable Computing Language" in err  # the platform that has none
    assert "[opencl].library of targets/shim.toml" in err
    assert (found["status"], found["cells"][0]["status"]) == ("failed", "not_run")


def test_a_tensor_over_the_devices_limit_is_named_before_it_runs(home: Path) -> None:
    code, found, err = on_shim(home, MODEL, max_alloc=1 << 20)
    assert (code, found) == (1, {})
    assert "takes 1.0 MiB at a time" in err
    assert "q_weight" in err
