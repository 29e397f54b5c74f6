"""A session on a real device with a runner that computes nothing, so that it can be in any state at any moment."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab.core.proc import Completed
from lab.devices.base import OnLine
from lab.devices.link import Link
from lab.devices.remote.device import RemoteDevice
from lab.formats.run_record import Repetition, RunRecord, TimesRecord
from lab.formats.target import MeasureSpec, TargetSpec
from lab.measure.plan import Plan, cells_of
from lab.measure.runner.setup import RunnerSetup
from lab.measure.session import measure
from lab.ondevice.build import RunnerFiles
from tests.measure.bench import Said
from tests.measure.samples import FakeTime, bundle

RUNNER = Path(__file__).with_name("runner.sh")
PLAN = Plan(
    cells=cells_of([8], [4], [0]),
    repeats=2,
    threads=1,
    memory_generate=4,
    bandwidth_bytes=64 << 20,
    bandwidth_passes=2,
    measure=MeasureSpec(prefill_chunk=8, timeout_s=60.0, max_busy=1.0),
)


class WatchedDevice(RemoteDevice):
    """Calls `then` with the process id of the runner when the timed part of its run number `at` has begun."""

    def __init__(self, target: TargetSpec, connect: Callable[[], Link], at: int, then: Callable[[int], None]) -> None:
        super().__init__(target, connect, sleep=lambda seconds: None)
        self.at, self.then = at, then
        self.runs = 0

    def run(
        self,
        argv: Sequence[str],
        *,
        timeout_s: float,
        on_line: OnLine | None = None,
        env: Mapping[str, str] | None = None,
    ) -> Completed:
        """Run it as ever, and look at what it says."""
        pids: list[int] = []

        def take(line: str) -> None:
            if on_line is not None:
                on_line(line)
            if '"event":"start"' in line:
                pids.append(int(line.rpartition('"pid":')[2].rstrip("}")))
            if '"event":"submit"' in line:
                self.runs += 1
                if self.runs - 1 == self.at:
                    self.then(pids[0])

        return super().run(argv, timeout_s=timeout_s, on_line=take, env=env)


@dataclass
class Bench:
    """One session after the other on one device; `shell` is the path of its shell."""

    folder: Path
    target: TargetSpec
    connect: Callable[[], Link]
    shell: str
    plan: Plan = PLAN
    progress: Said = field(default_factory=Said)

    def run(
        self,
        fault: str = "none",
        *,
        at: int = 1,
        then: Callable[[int], None] = lambda pid: None,
        **changes: Any,
    ) -> RunRecord:
        """Measure; repetition `at` has the fault, and `then` is called with its process id when it has begun."""
        device = WatchedDevice(self.target, self.connect, at, then)
        try:
            folder, runner = bundle(self.folder / "bundle"), self._runner(fault, at)
            setup = RunnerSetup(folder, self.target, runner, self.progress, TimesRecord())
            return measure(device, setup, self.plan.changed(**changes), clock=FakeTime().clock)
        finally:
            device.close()

    def _runner(self, fault: str, at: int) -> RunnerFiles:
        binary = self.folder / "lab-bench"
        binary.write_text(f"#!{self.shell}\nFAULT={fault} AT={at}\n{RUNNER.read_text()}")
        libs = (self.folder / "libtvm_ffi.so", self.folder / "libtvm_runtime.so")
        for lib in libs:
            lib.write_bytes(b"")
        # By its key it has a folder of its own there, and with it its own count of runs.
        return RunnerFiles(binary, libs, key=os.urandom(32).hex(), compiler="none", versions={"tvm": "0.27.0"})


def rows(record: RunRecord) -> list[Repetition]:
    return [row for cell in record.cells for row in cell.repetitions]
