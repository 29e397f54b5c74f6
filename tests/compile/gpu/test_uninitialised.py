"""Kernels use nothing that was never written, also in lanes whose results are thrown away: oclgrind's log is empty."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.opencl_device import require_opencl

pytestmark = pytest.mark.slow

INSTALL = "oclgrind is missing: run scripts/install-debian-packages, or apt-get install oclgrind"
ROOT = Path(__file__).parents[3]


def log_of(what: str, folder: Path) -> str:
    """What oclgrind reports of `child_oclgrind.py WHAT`."""
    require_opencl()
    if shutil.which("oclgrind") is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(INSTALL)
    log = folder / "log"
    argv = ["oclgrind", "--uninitialized", "--data-races", "--log", str(log)]
    child = [sys.executable, "-m", "tests.compile.gpu.child_oclgrind", what]
    done = subprocess.run([*argv, *child], cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return log.read_text() if log.exists() else ""


@pytest.mark.parametrize("family", ["mali", "adreno"])
def test_prefill_chunks_and_decode(family: str, tmp_path: Path) -> None:
    assert log_of(family, tmp_path) == ""


def test_what_was_never_written_is_noticed(tmp_path: Path) -> None:
    assert "depends on uninitialized value" in log_of("unwritten", tmp_path)
