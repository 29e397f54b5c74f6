"""A session in a folder: the fake runner behind a shell-less wrapper, a bundle, a device, and what was said."""

from __future__ import annotations

import functools
import json
import os
import py_compile
import shlex
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab.formats.run_record import RunRecord, TimesRecord
from lab.formats.target import MeasureSpec, TargetSpec
from lab.measure.lengths import Asked
from lab.measure.plan import Plan, cells_of
from lab.measure.runner.setup import RunnerSetup
from lab.measure.session import measure
from lab.ondevice.build import RunnerFiles
from tests.measure.samples import TARGET, FakeTime, ScriptedDevice, bundle

FAKE = Path(__file__).with_name("fake_runner.py")
PLAN = Plan(
    cells=cells_of([8], [20], [0]),
    repeats=2,
    threads=2,
    memory_generate=4,
    bandwidth_bytes=64 << 20,
    bandwidth_passes=2,
    measure=MeasureSpec(prefill_chunk=64, timeout_s=60.0),
)


def start_of(program: Path, script: Path) -> str:
    """Return the words that start one of the fakes."""
    return shlex.join([sys.executable, "-S", "-E", parsed(program), str(script)])


@functools.cache
def parsed(program: Path) -> str:
    """Return the program as Python keeps it once parsed: a session starts it dozens of times."""
    return str(py_compile.compile(str(program), doraise=True))


class Said:
    """Progress that keeps what it was told."""

    def __init__(self, on_note: Callable[[str], None] | None = None) -> None:
        self.notes: list[str] = []
        self.phases: list[tuple[str, float | None, str]] = []
        self.advanced: dict[str, float] = {}
        self.nows: list[str] = []
        self._on_note = on_note

    @contextmanager
    def phase(self, name: str, total: float | None = None, unit: str = "") -> Iterator[Callable[[float], None]]:
        self.phases.append((name, total, unit))
        self.advanced[name] = 0

        def advance(amount: float) -> None:
            self.advanced[name] += amount

        yield advance

    def now(self, text: str) -> None:
        self.nows.append(text)

    def note(self, text: str) -> None:
        self.notes.append(text)
        if self._on_note is not None:
            self._on_note(text)


@dataclass
class Bench:
    """What a test changes before `run`, and reads after it."""

    folder: Path
    plan: Plan = PLAN
    faults: dict[str, str] = field(default_factory=dict)
    script: dict[str, Any] = field(default_factory=lambda: {"bandwidth": [30e9, 31e9]})
    device: ScriptedDevice = field(default_factory=ScriptedDevice)
    progress: Said = field(default_factory=Said)
    time: FakeTime = field(default_factory=FakeTime)
    blocks: dict[str, Any] = field(default_factory=dict)
    target: TargetSpec = TARGET

    @property
    def log(self) -> Path:
        return self.folder / "calls"

    def calls(self, verb: str = "run") -> list[list[str]]:
        """Return the words of every call of the runner with that verb, in order."""
        words = [json.loads(line) for line in self.log.read_text().splitlines()] if self.log.exists() else []
        return [call for call in words if call[0] == verb]

    def run(self, asked: Asked | None = None, **changes: Any) -> RunRecord:
        self.plan = self.plan.changed(**changes)
        folder = bundle(self.folder / "bundle", **self.blocks)
        setup = RunnerSetup(folder, self.target, self.runner(), self.progress, TimesRecord(compile=1.0))
        return measure(self.device, setup, self.plan, clock=self.time.clock, asked=asked)

    def runner(self) -> RunnerFiles:
        script = self.folder / "script.json"
        script.write_text(json.dumps({"log": str(self.log), "faults": self.faults, **self.script}))
        binary = self.folder / "lab-bench"
        words = start_of(FAKE, script)
        binary.write_text(f'#!/bin/sh\nexec {words} "$@"\n')
        binary.chmod(0o755)
        libs = (self.folder / "libtvm_ffi.so", self.folder / "libtvm_runtime.so")
        for lib in libs:
            lib.write_bytes(b"")
        plugin = self.folder / "liblab_opencl.so" if self.target.compile.kind == "opencl" else None
        if plugin is not None:
            plugin.write_bytes(b"")
        return RunnerFiles(binary, libs, "cd" * 32, "none", {"tvm": "0.27.0"}, plugin=plugin)

    @contextmanager
    def ctrl_c_while_it_hangs(self) -> Iterator[None]:
        """Send this process SIGINT as soon as the runner has said that it waits."""

        def watch() -> None:
            for _ in range(600):
                if self.hanging.exists() and self.hanging.read_text():
                    os.kill(os.getpid(), signal.SIGINT)
                    return
                time.sleep(0.05)

        thread = threading.Thread(target=watch)
        thread.start()
        try:
            yield
        finally:
            thread.join()

    @property
    def hanging(self) -> Path:
        return self.folder / "calls.hanging"

    def hanging_process_is_gone(self) -> bool:
        pid = int(self.hanging.read_text())
        try:
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
        except (FileNotFoundError, ProcessLookupError):
            return True
