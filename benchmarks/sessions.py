"""The sessions of the speed benchmark: lab and its peers in turns, on a quiet machine and on a disturbed one."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lab.compile.cpu.isa import X86_ISAS
from lab.core.errors import LabError
from lab.core.progress import Progress
from lab.devices.base import Device
from lab.devices.registry import open_device
from lab.formats.run_record import RunRecord
from lab.formats.target import load_target
from lab.formats.test import Test
from lab.jobs.engines import Builder
from lab.measure.engine import Engine, Setup
from lab.measure.llama.peer import find_llama_bench
from lab.measure.llama.peers import PEERS
from lab.measure.plan import Plan, plan_for
from lab.measure.session import measure_engines
from lab.measure.share import default_threads
from lab.models.catalog import resolve
from lab.models.sources import SyntheticSource

OURS = "tvm"
TARGET = "local"
MASKED_TARGET, MASKED_CPU, MASKED_SUFFIX = "local-avx2", "x86-64-v3", "_AVX2"
ISAS = {one.name for one in X86_ISAS}
BUSY = "one core kept busy by a loop in another process"
Records = tuple[RunRecord, ...]


@dataclass(frozen=True)
class Ask:
    """What a session measures: lab and `peers` in turns; with `masked` nothing beyond AVX2 is compiled on any side.

    `layers`: so many of the model's, None for all.
    """

    model: str
    cells: Sequence[Test]
    repeats: int
    peers: tuple[str, ...] = ("llama.cpp",)
    masked: bool = False
    layers: int | None = None

    @property
    def engines(self) -> tuple[str, ...]:
        """Ours first."""
        return (OURS, *self.peers)


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


def quiet(ask: Ask, progress: Progress) -> Records:
    """Return the records of all engines, in turns, each with its own best number of threads."""
    builder = builder_for(ask, progress)
    with opened(builder) as device:
        setups, runner = builder.setups(ask.engines, device)
        plan = _plan(builder, device, ask)
        return measure_engines(device, setups, plan, progress, runner, find_threads=True)


def disturbed(ask: Ask, before: Records, progress: Progress) -> Records:
    """Return the same while another process keeps one core busy, with the threads of the session `before`."""
    builder = builder_for(ask, progress)
    with opened(builder) as device:
        setups, runner = builder.setups(ask.engines, device)
        kept = [AsBefore(one, record.engine.threads) for one, record in zip(setups, before, strict=True)]
        # Nothing is waited for: that the machine is busy is the point.
        plan = _plan(builder, device, ask).changed(max_busy=1.0, gate_timeout_s=0.0)
        with busy_core():
            return measure_engines(device, kept, plan, progress, runner, said={"disturbed_by": BUSY})


def programs_for(ask: Ask) -> dict[str, Path]:
    """Return the llama-bench of each peer; MeasureError says how to get the one that is missing."""
    suffix = MASKED_SUFFIX if ask.masked else ""
    return {name: find_llama_bench(PEERS[name], suffix) for name in ask.peers}


def check_isa(records: Records, isa: str) -> None:
    """Refuse a session in which an engine that says what it was built for was built for another instruction set."""
    for record in records:
        found = _isa(record)
        if found not in (None, isa):
            raise LabError(
                f"{record.engine.name} ran with {found}, and the bar is for {isa} (run {record.run_id})",
                hint="build it again: docs/peers.md says which build is for what",
            )


def cold_compile_s(model: str, times: int) -> list[float]:
    """Return the seconds of `lab compile` with nothing there yet, each in a fresh process and folder."""
    return [_compile_s(model) for _ in range(times)]


def first_command_s(model: str) -> float:
    """Return the seconds of `lab run` with nothing there yet."""
    with tempfile.TemporaryDirectory(prefix="lab-first-") as home:
        return _took_s("run", model, home)


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
        return _took_s("compile", model, home)


def _took_s(verb: str, model: str, home: str) -> float:
    argv = [sys.executable, "-m", "lab", verb, "--target", TARGET, "--model", model]
    began = time.monotonic()
    subprocess.run(argv, env={**os.environ, "LAB_HOME": home}, check=True, capture_output=True)
    return time.monotonic() - began


def builder_for(ask: Ask, progress: Progress) -> Builder:
    """Return what builds the engines of a session."""
    spec = resolve(ask.model, ask.layers)
    target = load_target(TARGET)
    if ask.masked:
        target = replace(target, name=MASKED_TARGET, compile=replace(target.compile, cpu=MASKED_CPU))
    return Builder(spec, target, SyntheticSource(spec.config, 0), None, progress, programs_for(ask))


@contextmanager
def opened(builder: Builder) -> Iterator[Device]:
    """Open the device of a builder's target, and close it."""
    device = open_device(builder.target)
    try:
        yield device
    finally:
        device.close()


def _plan(builder: Builder, device: Device, ask: Ask) -> Plan:
    return plan_for(builder.target, tuple(ask.cells), default_threads(device.facts()), repeats=ask.repeats)


def _isa(record: RunRecord) -> str | None:
    """What an engine says that its kernels are for: ours in its request, ik_llama.cpp in what it reports."""
    if record.engine.name == OURS:
        return record.engine.requested.split()[-1]
    return next((word for word in (record.engine.effective or "").split() if word in ISAS), None)
