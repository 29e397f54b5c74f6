"""A bundle for an older CPU runs where there is nothing newer: qemu's CPU dies of any other instruction.

/proc/cpuinfo is the host's under qemu-user, so the runner's own check of features passes and proves nothing here.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from lab.core.proc import Completed, run
from lab.ondevice.run_log import read_run
from tests.compiled import shared
from tests.ondevice.conftest import Bench
from tests.ondevice.real_bundle import make_bundle

pytestmark = pytest.mark.slow

INSTALL = "qemu-x86_64 is missing: run scripts/install-debian-packages, or apt-get install qemu-user"
SIGILL = "target signal 4"


@pytest.fixture(scope="module")
def qemu() -> str:
    program = shutil.which("qemu-x86_64")
    if program is None and os.environ.get("CI"):
        pytest.fail(INSTALL)
    if program is None:
        pytest.skip(INSTALL)
    return program


@pytest.fixture(scope="module")
def bundles() -> dict[str, Path]:
    return {cpu: make_bundle(shared(), cpu) for cpu in ("x86-64-v2", "x86-64-v3")}


def emulated(bench: Bench, qemu: str, cpu: str, bundle: Path) -> Completed:
    words = ("--threads", "2", "--verify", "--warmup-cap", "1")
    return run([qemu, "-cpu", cpu, *bench.argv(bundle, *words, prompt=20)], timeout_s=300, env=bench.env)


@pytest.mark.parametrize(("level", "cpu"), [("x86-64-v2", "Nehalem"), ("x86-64-v3", "Haswell")])
def test_runs_and_computes_the_same(bench: Bench, qemu: str, bundles: dict[str, Path], level: str, cpu: str) -> None:
    done = emulated(bench, qemu, cpu, bundles[level])
    assert done.code == 0, done.stdout + done.stderr
    native = bench.log(bundles[level], "--threads", "2", prompt=20)
    log = read_run(done.stdout.splitlines())
    assert [token.id for token in log.tokens] == [token.id for token in native.tokens]
    assert len(log.tokens) == 4


def test_a_newer_instruction_would_be_noticed(bench: Bench, qemu: str, bundles: dict[str, Path]) -> None:
    assert SIGILL in emulated(bench, qemu, "Nehalem", bundles["x86-64-v3"]).stderr
