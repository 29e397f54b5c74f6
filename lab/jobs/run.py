"""`lab run`: build what is missing, measure, and put the whole command's time on record."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from lab import store
from lab.analysis.run.advice import resume_command
from lab.compile.chip import target_layout
from lab.core.errors import DeviceFailedError, DeviceUnreachableError, LabError
from lab.core.home import shown
from lab.core.progress import Progress
from lab.devices.base import Device
from lab.devices.link import Access
from lab.devices.registry import open_device
from lab.formats.run_record import ImageRecord, RunRecord
from lab.formats.target import TargetSpec
from lab.formats.test import Test
from lab.jobs.engines import Builder, PreparedImage, prepared_image
from lab.jobs.options import RunOptions
from lab.jobs.preflight import check_early, check_judge, check_profile, check_tools
from lab.jobs.resume import Rest, check_same_build, check_same_settings
from lab.measure.document import serial_hash, unmeasured
from lab.measure.engine import Setup
from lab.measure.lengths import Asked, Step, earlier_step
from lab.measure.plan import USUAL_REPEATS, Plan, plan_for
from lab.measure.runner.setup import RunnerSetup
from lab.measure.session import Interrupted, measure_engines
from lab.measure.share import default_threads
from lab.models.catalog import ModelSpec
from lab.models.sources import WeightSource
from lab.ondevice.build import RunnerFiles


@dataclass(frozen=True)
class Ran:
    """The stored record of each engine and, after Ctrl-C while measuring, a sentence on what was kept."""

    records: tuple[RunRecord, ...]
    kept: str | None = None

    @property
    def exit_code(self) -> int:
        """Return 4 where a device is to blame for what is missing, 1 where a program is, else 0."""
        rows = [row for record in self.records for cell in record.cells for row in cell.repetitions]
        if any(row.by_device for row in rows):
            return DeviceUnreachableError.exit_code
        sound = all(cell.status == "ok" for record in self.records for cell in record.cells)
        return 0 if sound and all(record.status == "ok" for record in self.records) else 1


def run(options: RunOptions, progress: Progress, access: Access | None = None, rest: Rest | None = None) -> Ran:
    """Build and measure what `options` ask for, or the `rest` of a run.

    A device that fails before anything is measured leaves a record too, which says why; then the error goes on.

    Raises:
        LabError: a name stands for nothing, or something cannot be built or measured.
        Interrupted of lab.jobs.interrupt: Ctrl-C before anything was measured.
    """
    began = time.monotonic()
    with opened(options, progress, access, rest) as job:
        ran = job.measured()
    return replace(ran, records=tuple(_with_total(record, time.monotonic() - began) for record in ran.records))


@contextmanager
def opened(
    options: RunOptions, progress: Progress, access: Access | None = None, rest: Rest | None = None
) -> Iterator[Job]:
    """Yield the job with its device, which is closed at the end; a device that fails in the block goes on record."""
    target, spec, source = options.choice.resolved(progress)
    store.in_use().ready()
    check_tools(target, progress)
    image = prepared_image(spec, options.image)
    job = Job(options, rest, target, spec, source, open_device(target, access), progress, image)
    try:
        yield job
    except (DeviceFailedError, DeviceUnreachableError) as problem:
        if not problem.recorded:
            job.record_failure(problem)
        problem.hint = job.next_step(problem)
        raise
    finally:
        job.device.close()


@dataclass(frozen=True)
class Job:
    """A run under way: what was asked for, what the names stand for, and the device."""

    options: RunOptions
    rest: Rest | None
    target: TargetSpec
    spec: ModelSpec
    source: WeightSource
    device: Device
    progress: Progress
    image: PreparedImage | None = None

    def measured(self) -> Ran:
        """Check, build and measure every engine in turns."""
        plan = self.plan()
        builder = Builder(self.spec, self.target, self.source, self.options.dump_ir, self.progress, image=self.image)
        names = self.options.engines or (self.target.compile.backend,)
        setups, runner = builder.setups(names, self.device)
        self._check_builds(setups)
        try:
            return Ran(self._session(setups, plan, runner))
        except Interrupted as stop:
            return Ran(tuple(record for record, _ in stop.all), _kept(stop))

    def _session(self, setups: Sequence[Setup], plan: Plan, runner: RunnerFiles) -> tuple[RunRecord, ...]:
        return measure_engines(
            self.device,
            setups,
            plan,
            self.progress,
            runner,
            find_threads=self._finds_threads(),
            said=self._annotations(),
            asked=self._asked(),
        )

    def record_failure(self, problem: LabError) -> None:
        """Store a run whose tests were not measured, with the reason."""
        target, options = self.target, self.options
        plan = plan_for(target, self._tests(), None, repeats=options.repeats, threads=options.threads)
        try:
            serial = self.device.serial
        except LabError:  # nobody could ask it: its address has to do
            serial = target.unreached_serial
        layout = target_layout(target.compile)
        record = unmeasured(target, self.spec, self.source, plan, serial, problem, layout, self._annotations())
        path = store.save(record)
        problem.recorded = (str(path),)
        self.progress.note(f"the failure is on record in {shown(path)}")

    def next_step(self, problem: LabError) -> str:
        """Return the hint of a device that failed: its own, where else it may be, and how the run goes on."""
        forms = self.target.way.forms if isinstance(problem, DeviceUnreachableError) and self.rest is None else ""
        at = f"if it is elsewhere: --at ADDRESS ({forms})" if forms and not self.options.address else ""
        records = [store.load(store.place(path)) for path in problem.recorded]
        command = resume_command(records[0]) if len(records) == 1 else None
        later = f"when it is back, `{command}` measures the rest" if command else ""
        return "; ".join(filter(None, (problem.hint, at, later)))

    def plan(self) -> Plan:
        """Ask the device and check what can be checked before anything is built; return what is going to be done."""
        facts, options, repeats = self.device.facts(), self.options, self.options.repeats
        if options.engines:  # sides that are compared get the same number, known before
            repeats = repeats or self.target.measure.repeats or USUAL_REPEATS
        changes = {"repeats": repeats, "threads": options.threads, "profile": options.profile}
        check_profile(options.profile, self.target)
        check_judge(self.spec, options, self.progress)
        plan = plan_for(self.target, self._tests(), default_threads(facts), **changes)
        if self.rest is not None:
            check_same_settings(self.rest.of, plan)
        check_early(self.spec, self.target, plan, facts)
        return plan

    def _tests(self) -> tuple[Test, ...]:
        return self.rest.tests if self.rest is not None else self._lengths().cells()

    def _lengths(self) -> Asked:
        def earlier() -> Step | None:
            return earlier_step(self.target.name, self.spec.label, serial_hash(self.device.serial))

        judges = self.spec.config.labels is not None
        return Asked(self.options.prompt, self.options.generate, self.options.depth, earlier, judges)

    def _asked(self) -> Asked | None:
        """Return what a trial may choose: nothing of sides that are compared, and nothing of a resumption."""
        return None if self.options.engines or self.rest is not None else self._lengths()

    def _finds_threads(self) -> bool:
        """Whether each engine's number of threads is found: a GPU has none, and one that was named counts."""
        named = self.options.threads is not None or self.target.measure.threads != 0
        decodes = self.spec.config.labels is None
        return bool(self.options.engines) and self.target.compile.kind == "llvm" and decodes and not named

    def _image(self) -> ImageRecord | None:
        return None if self.image is None else self.image.record

    def _check_builds(self, setups: Sequence[Setup]) -> None:
        for setup in setups:
            if self.rest is not None and isinstance(setup, RunnerSetup):
                check_same_build(self.rest.of, setup.bundle)

    def _annotations(self) -> dict[str, Any]:
        """Return what goes on record as it is; what is empty is not there."""
        options, resumes = self.options, self.rest.of.run_id if self.rest else None
        of = {"resumes": resumes, "tags": options.tags, "revision": options.revision}
        return {
            name: value
            for name, value in {**of, "by_address": bool(options.address), "image": self._image()}.items()
            if value
        }


def _kept(stop: Interrupted) -> str:
    records = [record for record, _ in stop.all]
    done = sum(row.status == "ok" for record in records for cell in record.cells for row in cell.repetitions)
    planned = sum(len(record.cells) * (record.plan.repeats or 0) for record in records)
    paths = " and ".join(shown(path) for _, path in stop.all)
    kept = "the run is kept in" if len(records) == 1 else "the runs are kept in"
    command = resume_command(records[0]) if len(records) == 1 else None
    rest = f"\n`{command}` measures the rest" if command else ""  # a line to copy
    return f"{done} of {planned} repetitions were finished; {kept} {paths}{rest}"


def _with_total(record: RunRecord, total_s: float) -> RunRecord:
    """Store the record again with the seconds of the whole command, start to end."""
    timed = replace(record, time_s=replace(record.time_s, total=total_s))
    store.save(timed)
    return timed
