"""Kernels as the families really have them, in float16, on Intel's OpenCL for CPUs: PoCL has no float16."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from tests.compile.gpu.half import CASES
from tests.opencl_device import require_opencl

pytestmark = pytest.mark.slow

DRIVER = "libintelocl.so"


def driver() -> Path:
    """The driver's library, which the package puts below the environment's lib/."""
    files = metadata.files("intel-opencl-rt") or []
    return next(Path(str(file.locate())).resolve() for file in files if file.name == DRIVER)


@functools.cache
def answers() -> dict[str, Any]:
    """What the process of the float16 tests prints: the loader is shown the one driver by OCL_ICD_VENDORS."""
    require_opencl()
    folder = Path(os.environ["LAB_LOCKS"]) / "icd"  # ends with the tests
    folder.mkdir(exist_ok=True)
    (folder / "intel.icd").write_text(f"{driver()}\n")
    env = {**os.environ, "OCL_ICD_VENDORS": str(folder)}
    command = [sys.executable, "-m", "tests.compile.gpu.half"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return dict(json.loads(done.stdout.splitlines()[-1]))


def test_the_device_has_float16() -> None:
    device = answers()["device"]
    assert device["fp16"], device
    assert "Intel" in device["platform"]


@pytest.mark.parametrize(("family", "network"), CASES)
def test_logits_are_within_the_limit_of_the_scheme(family: str, network: str) -> None:
    error, limit = answers()["errors"][f"{family}-{network}"]
    assert error < limit
