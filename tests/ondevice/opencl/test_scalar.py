"""Halves, which no device of these tests takes as an argument, against numpy's."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

from lab.ondevice.compilers import build_env, compilers
from lab.ondevice.opencl.build import SOURCES
from lab.ondevice.opencl.headers import opencl_headers
from lab.ondevice.wheels import find_wheels
from tests.opencl_device import require_opencl


@pytest.fixture(scope="module")
def harness(tmp_path_factory: pytest.TempPathFactory) -> Path:
    require_opencl()
    binary = tmp_path_factory.mktemp("scalar") / "harness"
    compiler = compilers("x86_64-linux-gnu")[0]
    source = Path(__file__).with_name("scalar_harness.cc")
    headers = ["-isystem", str(find_wheels().include), "-idirafter", str(opencl_headers().parent)]
    with build_env(compiler) as env:
        words = [*compiler.argv, "-std=c++17", "-O1", f"-I{SOURCES}", *headers, str(source), "-o", str(binary)]
        subprocess.run(words, check=True, env=env)
    return binary


def halves(harness: Path, values: np.ndarray) -> np.ndarray:
    done = subprocess.run([str(harness)], input=values.astype("float64").tobytes(), capture_output=True, check=True)
    return np.frombuffer(done.stdout, dtype="uint16")


def test_every_half_is_itself(harness: Path) -> None:
    every = np.arange(1 << 16, dtype="uint16").view("float16")
    numbers = every[~np.isnan(every)]
    assert (halves(harness, numbers) == numbers.view("uint16")).all()
    assert np.isnan(halves(harness, np.array([np.nan, -np.nan])).view("float16")).all()


def test_between_two_halves_the_nearest_and_ties_to_even(harness: Path) -> None:
    finite = np.arange(0x7C00, dtype="uint16").view("float16").astype("float64")
    middle = (finite[:-1] + finite[1:]) / 2
    around = np.concatenate([middle, np.nextafter(middle, 0), np.nextafter(middle, np.inf)])
    over = np.array([65519.999, 65520.0, 65536.0, 1e30, np.inf, 2.0**-25, np.nextafter(2.0**-25, 1), 1e-300])
    values = np.concatenate([around, over, -around, -over])
    with np.errstate(over="ignore"):
        wanted = values.astype("float16").view("uint16")
    assert (halves(harness, values) == wanted).all()
