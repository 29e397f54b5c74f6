"""The sessions of the speed benchmark: lab and llama.cpp in turns, on a quiet machine and on a disturbed one."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from lab.cli.engines import Builder
from lab.core.errors import LabError
from lab.core.progress import Progress
from lab.devices.base import Device
from lab.devices.registry import open_device
from lab.formats.run_record import RunRecord
from lab.formats.target import load_target
from lab.formats.test import Test
from lab.measure.engine import Engine, Setup
from lab.measure.plan import Plan, plan_for
from lab.measure.session import measure_engines
from lab.measure.share import default_threads
from lab.models.catalog import resolve
from lab.models.sources import SyntheticSource

ENGINES = ("tvm", "llama.cpp")
TARGET = "local"
BUSY = "one core kept busy by a loop in another process"
Records = tuple[RunRecord, ...]


@dataclass(frozen=True)
class AsBefore:
    """A setup whose engine keeps the number of threads that an earlier session found for it; see `Setup`."""

    setup: Setup
    threads: int

    @property
    def what(self) -> str:
        """The model and the target."""
        return self.setup.what

    def prepare(self, device: Device, facts: dict[str, Any], plan: Plan) -> Engine:
        """Prepare the engine with those threads."""
        return self.setup.prepare(device, facts, replace(plan, threads=self.threads))


def quiet(model: str, cells: Sequence[Test], repeats: int, progress: Progress) -> Records:
    """Return the records of both engines, in turns, each with its own best number of threads."""
    builder = _builder(model, progress)
    setups, runner = builder.setups(ENGINES)
    with _device(builder) as device:
        plan = _plan(builder, device, cells, repeats)
        return measure_engines(device, setups, plan, progress, runner, find_threads=True)


def disturbed(model: str, cells: Sequence[Test], repeats: int, before: Records, progress: Progress) -> Records:
    """Return the same while another process keeps one core busy, with the threads of the session `before`."""
    builder = _builder(model, progress)
    setups, runner = builder.setups(ENGINES)
    kept = [AsBefore(one, record.engine.threads) for one, record in zip(setups, before, strict=True)]
    with _device(builder) as device:
        # Nothing is waited for: that the machine is busy is the point.
        plan = replace(_plan(builder, device, cells, repeats), max_busy=1.0, gate_timeout_s=0.0)
        with busy_core():
            return measure_engines(device, kept, plan, progress, runner, said={"disturbed_by": BUSY})


def cold_compile_s(model: str, times: int) -> list[float]:
    """Return the seconds of `lab compile` with nothing there yet, each in a fresh process and folder."""
    return [_compile_s(model) for _ in range(times)]


@contextmanager
def busy_core() -> Iterator[None]:
    """Keep a core busy meanwhile; LabError when the process that does so went away."""
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
        if process.poll() is not None:
            raise LabError("the process that keeps a core busy ended: nothing was disturbed")
    finally:
        process.kill()
        process.wait()


def _compile_s(model: str) -> float:
    with tempfile.TemporaryDirectory(prefix="lab-cold-") as home:
        argv = [sys.executable, "-m", "lab", "compile", "--target", TARGET, "--model", model]
        began = time.monotonic()
        subprocess.run(argv, env={**os.environ, "LAB_HOME": home}, check=True, capture_output=True)
        return time.monotonic() - began


def _builder(model: str, progress: Progress) -> Builder:
    spec = resolve(model)
    return Builder(spec, load_target(TARGET), SyntheticSource(spec.config, 0), None, progress)


def _plan(builder: Builder, device: Device, cells: Sequence[Test], repeats: int) -> Plan:
    return plan_for(builder.target, tuple(cells), default_threads(device.facts()), repeats=repeats)


@contextmanager
def _device(builder: Builder) -> Iterator[Device]:
    device = open_device(builder.target)
    try:
        yield device
    finally:
        device.close()
