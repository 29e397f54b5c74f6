"""One session on one device: roofs, repetitions, the roofs again, memory; every step on record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Literal

from lab.core.errors import LabError
from lab.core.lock import device_lock
from lab.core.lock_holder import holder_line
from lab.core.progress import Progress
from lab.devices.base import Device
from lab.formats.run_record import CellMemory, RunRecord, RunStatus, new_run_id
from lab.measure.conditions.gates import wait_until_quiet
from lab.measure.conditions.samplers import Clock
from lab.measure.document import new_record, with_core_names
from lab.measure.engine import Engine, Setup
from lab.measure.journal import Journal, Lane, outcome
from lab.measure.lengths import Asked, choose_lengths
from lab.measure.plan import Plan
from lab.measure.roofs import measure_bandwidth, measure_peak
from lab.measure.runner.engine import RunnerEngine
from lab.measure.runner.invocation import Placed, place_runner
from lab.measure.runner.setup import RunnerSetup
from lab.measure.threads import settle_threads
from lab.measure.turns import Repetitions
from lab.ondevice.build import RunnerFiles
from lab.store.location import Place

STOPS_MAX = 20  # of somebody who keeps the keys down
NOTHING: Mapping[str, Any] = {}


class Interrupted(KeyboardInterrupt):
    """Ctrl-C in a session. What was measured by then is in `record`, stored at `path`; `all` has each engine's."""

    def __init__(self, record: RunRecord, path: Place, *others: tuple[RunRecord, Place]) -> None:
        super().__init__(f"run {record.run_id} was interrupted; what was measured is in {path}")
        self.record = record
        self.path = path
        self.all = ((record, path), *others)
        self.kept = f"what was measured is kept in {path}"


def measure(
    device: Device,
    setup: RunnerSetup,
    plan: Plan,
    *,
    said: Mapping[str, Any] = NOTHING,
    clock: Clock | None = None,
    asked: Asked | None = None,
) -> RunRecord:
    """Measure every cell of `plan` with one bundle; see `measure_engines`."""
    more: dict[str, Any] = {"said": said, "clock": clock, "asked": asked}
    (record,) = measure_engines(device, [setup], plan, setup.progress, setup.runner, **more)
    return record


def measure_engines(
    device: Device,
    setups: Sequence[Setup],
    plan: Plan,
    progress: Progress,
    runner: RunnerFiles,
    *,
    find_threads: bool = False,
    said: Mapping[str, Any] = NOTHING,
    clock: Clock | None = None,
    asked: Asked | None = None,
) -> tuple[RunRecord, ...]:
    """Measure every cell of `plan` with every engine in turns; return their records, which are stored by then.

    `runner` measures the roofs. With `find_threads` each engine gets the number of threads it decodes
    fastest with, of 1 to the plan's. With `asked`, a trial of the only engine chooses the lengths that it does not
    name. `said` is put on record as it is. Nothing is stored
    when a check fails, which is before anything is timed; from then on each record is stored after each of its
    repetitions. A repetition that crashes, hangs or talks nonsense is a row with its reason, and the rest goes on.

    Raises:
        BusyError: another lab measures on this device.
        BundleError: what an engine runs is damaged.
        DeviceError, MeasureError: the plan does not fit the device or the model.
        DeviceUnreachableError: the device went away; the records say so.
        Interrupted: Ctrl-C; a KeyboardInterrupt that holds the records.
    """
    clock = clock or Clock()
    with device_lock(device.serial, setups[0].what, progress.note), device.claim(holder_line(setups[0].what)):
        facts = device.facts()
        engines = [setup.prepare(device, facts, plan) for setup in setups]
        if find_threads:
            engines = [_with_best_threads(device, engine, plan, progress, clock) for engine in engines]
        if asked is not None:
            engines, plan = choose_lengths(device, engines, plan, asked, progress, clock)
        placed = place_runner(device, runner)
        lanes = _lanes(device, with_core_names(device, placed, facts), engines, plan, said)
        return _Session(device, lanes, plan, progress, placed, clock).run()


def _with_best_threads(device: Device, engine: Engine, plan: Plan, progress: Progress, clock: Clock) -> Engine:
    wait_until_quiet(device, plan, clock, progress.now)
    return settle_threads(engine, plan.threads, progress)


def _lanes(
    device: Device, facts: dict[str, Any], engines: Sequence[Engine], plan: Plan, said: Mapping[str, Any]
) -> list[Lane]:
    shared = {"session": new_run_id()} if len(engines) > 1 else {}
    fields = {"pushed": device.pushed(), **shared, **said}
    records = [new_record(device, facts, engine, plan.threads, fields) for engine in engines]
    return [Lane(engine, Journal(record)) for engine, record in zip(engines, records, strict=True)]


class _Session:
    """The order of things; what each one does is in the other files of this folder."""

    def __init__(
        self, device: Device, lanes: list[Lane], plan: Plan, progress: Progress, placed: Placed, clock: Clock
    ) -> None:
        self.device = device
        self.lanes = lanes
        self.plan = plan
        self.progress = progress
        self.placed = placed
        self.clock = clock
        self.began = clock.now()
        self.loop: str | None = None  # the fastest that reads memory

    def run(self) -> tuple[RunRecord, ...]:
        """Go through all steps; however it ends, the records are finished and stored."""
        try:
            self._steps()
        except KeyboardInterrupt as stop:
            self._finish_stopped()
            raise Interrupted(*self._kept()[0], *self._kept()[1:]) from stop
        except Exception as problem:
            # What can't be stored now is stored as it was after the last repetition.
            with suppress(LabError):
                self._finish_all("failed", str(problem) or type(problem).__name__)
            if isinstance(problem, LabError):
                problem.recorded = tuple(str(path) for _, path in self._kept())
            raise
        return tuple(lane.journal.record for lane in self.lanes)

    def _steps(self) -> None:
        self._roofs("before")
        turns = Repetitions(self.device, self.lanes, self.plan, self.progress, self.placed, self.clock, self.loop)
        broken = turns.run()
        if broken is not None:
            self._finish_broken(broken)
            return
        self._roofs("after")
        self._memory_passes()
        if self.plan.profile:
            self._profile_passes()
        for lane in self.lanes:
            self._finish(lane, *outcome(lane.journal.record))

    def _roofs(self, when: Literal["before", "after"]) -> None:
        """Each is stored as soon as it is there."""
        bandwidth = measure_bandwidth(self.device, self.placed, self.plan, self.progress, when)
        self.loop = bandwidth.loop
        for lane in self.lanes:
            lane.journal.add_roof(when, bandwidth)
        peak = measure_peak(self.device, self.placed, self.plan, self.progress, when)
        for lane in self.lanes:
            lane.journal.add_peak(when, peak)

    def _memory_passes(self) -> None:
        """Measure the memory of every cell that has a number, in a process of its own."""
        wanted = [
            (lane, number)
            for lane in self.lanes
            for number, cell in enumerate(lane.journal.record.cells)
            if cell.status == "ok"
        ]
        previous: dict[int, CellMemory] = {}
        with self.progress.phase("memory pass", len(wanted), "cells") as advance:
            for lane, number in wanted:
                previous[id(lane)] = self._memory_pass(lane, number, previous.get(id(lane)))
                advance(1)

    def _memory_pass(self, lane: Lane, number: int, previous: CellMemory | None) -> CellMemory:
        cell = self.plan.cells[number]
        memory = lane.engine.memory(cell, previous)
        lane.journal.add_memory(number, memory)
        if memory.reason:
            self.progress.note(f"{cell.label} memory: {memory.reason}")
        return memory

    def _profile_passes(self) -> None:
        """Time every kernel of the cells that have numbers, in a process of its own."""
        for lane in self.lanes:
            for number, cell in enumerate(lane.journal.record.cells):
                if cell.status == "ok" and isinstance(lane.engine, RunnerEngine):
                    with self.progress.phase(f"profile {self.plan.cells[number].label}"):
                        lane.journal.add_profile(number, lane.engine.profile(self.plan.cells[number]))

    def _finish_broken(self, broken: Lane) -> None:
        """End all with the broken one: side by side with nothing is no comparison."""
        for lane in self.lanes:
            if lane is broken:
                first = next(cell for cell in lane.journal.record.cells if cell.status == "wrong_output")
                self._finish(lane, "wrong_output", first.reason)
            else:
                self._finish(lane, "failed", f"the session ended: {broken.engine.name} computes the wrong thing")

    def _finish_all(self, status: RunStatus, reason: str) -> None:
        for lane in self.lanes:
            self._finish(lane, status, reason)

    def _finish_stopped(self) -> None:
        """Finish after Ctrl-C. A second one may fall into this: it takes a moment, and then the record is whole."""
        for _ in range(STOPS_MAX):
            with suppress(KeyboardInterrupt):
                self._finish_all("interrupted", "stopped by Ctrl-C")
                return

    def _finish(self, lane: Lane, status: RunStatus, reason: str | None) -> None:
        lane.journal.finish(status, reason, round(self.clock.now() - self.began, 3))

    def _kept(self) -> list[tuple[RunRecord, Place]]:
        return [(lane.journal.record, lane.journal.path) for lane in self.lanes]
