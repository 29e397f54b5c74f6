"""`lab run` without its looks: build what is missing, measure, put the whole command's time on record."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from lab import store
from lab.compile.chip import target_layout
from lab.core.errors import DeviceFailedError, DeviceUnreachableError, LabError
from lab.core.home import shown
from lab.core.progress import Progress
from lab.devices.base import Device
from lab.devices.link import Access
from lab.devices.registry import open_device
from lab.formats.run_record import RevisionBlock, RunRecord, TimesRecord
from lab.formats.target import TargetSpec
from lab.formats.test import Test
from lab.jobs.build import Choice, Pipeline
from lab.jobs.engines import Builder
from lab.jobs.preflight import (
    check_early,
    check_profile,
    check_same_build,
    check_same_settings,
    check_tools,
    startable_runner,
)
from lab.measure.document import serial_hash
from lab.measure.lengths import Asked, Step, earlier_step
from lab.measure.plan import USUAL_REPEATS, Plan, plan_for
from lab.measure.session import Interrupted, measure, measure_engines
from lab.measure.share import default_threads
from lab.measure.unmeasured import unmeasured
from lab.models.catalog import ModelSpec
from lab.ondevice.build import RunnerFiles


@dataclass(frozen=True)
class Wanted:
    """What the options of `lab run` ask to be measured; None leaves a setting to the target.

    Lengths that nobody named are chosen by a trial (lab.measure.lengths). `cells` stands for prompt, generate and depth
    where they are the rest of run `resumes`. `tags`, `revision` and
    `marks` go on record as they are.
    """

    prompt: tuple[int, ...] | None = None
    generate: tuple[int, ...] | None = None
    depth: tuple[int, ...] | None = None
    repeats: int | None = None
    threads: int | None = None
    engines: tuple[str, ...] = ()
    cells: tuple[Test, ...] = ()
    resumes: RunRecord | None = None
    profile: bool = False
    tags: tuple[str, ...] = ()
    revision: RevisionBlock | None = None
    marks: Mapping[str, Any] = field(default_factory=dict)


Found = tuple[tuple[RunRecord, ...], str | None]


def run_wanted(
    choice: Choice, wanted: Wanted, dump_ir: Path | None, progress: Progress, access: Access | None = None
) -> Found:
    """Return the stored record of each engine and, after Ctrl-C while measuring, a sentence on what was kept.

    A device that fails before anything is measured leaves a record too, which says why; then the error goes on.
    """
    began = time.monotonic()
    target, spec, source = choice.resolved(progress)
    if choice.address:
        wanted = replace(wanted, marks={**wanted.marks, "by_address": True})
    store.in_use().ready()
    check_tools(target, progress)
    device = open_device(target, access)
    builder = Builder(spec, target, source, dump_ir, progress)
    try:
        records, kept = _run(device, builder, wanted)
    except (DeviceFailedError, DeviceUnreachableError) as problem:
        if not problem.recorded:
            _record_failure(device, builder, wanted, problem)
        raise
    finally:
        device.close()
    return tuple(_with_total(record, time.monotonic() - began) for record in records), kept


def _run(device: Device, builder: Builder, wanted: Wanted) -> Found:
    plan = _plan(wanted, builder.spec, builder.target, device)
    if wanted.engines:
        return _engines(device, builder, wanted, plan)
    steps, is_here = Pipeline(builder.progress, runner_follows=True), builder.target.device.transport == "local"
    runner = None if is_here else _runner(device, builder, steps)
    bundle = steps.bundle(builder.spec, builder.target, builder.source, builder.dump_ir)
    runner = runner or _runner(device, builder, steps)
    if wanted.resumes is not None:
        check_same_build(wanted.resumes, bundle)
    asked = None if wanted.cells else _asked(wanted, builder, device)
    session = _Session(builder.target, plan, runner, steps.time_s, _said(wanted), asked)
    return _measured(device, bundle, session, builder.progress)


def _runner(device: Device, builder: Builder, steps: Pipeline) -> RunnerFiles:
    """Return the runner. Another device is asked whether it can start it before anything else is built."""
    return startable_runner(device, steps.runner(builder.target), builder.target, builder.progress)


def _asked(wanted: Wanted, builder: Builder, device: Device) -> Asked:
    def earlier() -> Step | None:
        return earlier_step(builder.target.name, builder.spec.label, serial_hash(device.serial))

    return Asked(wanted.prompt, wanted.generate, wanted.depth, earlier)


def _record_failure(device: Device, builder: Builder, wanted: Wanted, problem: LabError) -> None:
    target = builder.target
    plan = plan_for(target, _cells(wanted), None, repeats=wanted.repeats, threads=wanted.threads)
    try:
        serial = device.serial
    except LabError:  # nobody could ask it: its address has to do
        serial = " ".join((target.device.transport, target.adb.address, target.ssh.host, target.device.serial))
    layout = target_layout(target.compile)
    path = store.save(unmeasured(target, builder.spec, builder.source, plan, serial, problem, layout, _said(wanted)))
    problem.recorded = (str(path),)
    builder.progress.note(f"the failure is on record in {shown(path)}")


def _engines(device: Device, builder: Builder, wanted: Wanted, plan: Plan) -> Found:
    """Measure the engines that were named; threads that nobody named are found for each."""
    setups, runner = builder.setups(wanted.engines, device)
    on_cpu = builder.target.compile.kind == "llvm"  # a GPU has no number of threads to find
    free = on_cpu and wanted.threads is None and builder.target.measure.threads == 0
    try:
        said = _said(wanted)
        return measure_engines(device, setups, plan, builder.progress, runner, find_threads=free, said=said), None
    except Interrupted as stop:
        return _stopped(stop)


@dataclass(frozen=True)
class _Session:
    """What a session of one bundle is told beside the device and the bundle."""

    target: TargetSpec
    plan: Plan
    runner: RunnerFiles
    time_s: Mapping[str, float]
    said: Mapping[str, Any]
    asked: Asked | None


def _measured(device: Device, bundle: Path, of: _Session, progress: Progress) -> Found:
    times = _times(of.time_s)
    try:
        record = measure(device, bundle, of.target, of.plan, progress, of.runner, times, said=of.said, asked=of.asked)
    except Interrupted as stop:
        return _stopped(stop)
    return (record,), None


def _stopped(stop: Interrupted) -> Found:
    return tuple(record for record, _ in stop.all), _kept(stop)


def _times(time_s: Mapping[str, float]) -> TimesRecord:
    return TimesRecord(compile=time_s["compile"], convert=time_s["convert"], runner=time_s["runner"])


def _plan(wanted: Wanted, spec: ModelSpec, target: TargetSpec, device: Device) -> Plan:
    facts = device.facts()
    repeats = wanted.repeats
    if wanted.engines:  # sides that are compared get the same number, known before
        repeats = repeats or target.measure.repeats or USUAL_REPEATS
    changes = {"repeats": repeats, "threads": wanted.threads, "profile": wanted.profile}
    check_profile(wanted.profile, target)
    plan = plan_for(target, _cells(wanted), default_threads(facts), **changes)
    if wanted.resumes is not None:
        check_same_settings(wanted.resumes, plan)
    check_early(spec, target, plan, facts)
    return plan


def _cells(wanted: Wanted) -> tuple[Test, ...]:
    return wanted.cells or Asked(wanted.prompt, wanted.generate, wanted.depth).cells()


def _said(wanted: Wanted) -> dict[str, Any]:
    """Return what goes on record as it is; what was not said is not there."""
    resumes = wanted.resumes.run_id if wanted.resumes else None
    said = {"resumes": resumes, "tags": wanted.tags, "revision": wanted.revision, **wanted.marks}
    return {name: value for name, value in said.items() if value}


def _kept(stop: Interrupted) -> str:
    records = [record for record, _ in stop.all]
    done = sum(row.status == "ok" for record in records for cell in record.cells for row in cell.repetitions)
    planned = sum(len(record.cells) * (record.plan.repeats or 0) for record in records)
    paths = " and ".join(shown(path) for _, path in stop.all)
    kept = "the run is kept in" if len(records) == 1 else "the runs are kept in"
    return f"{done} of {planned} repetitions were finished; {kept} {paths}"


def _with_total(record: RunRecord, total_s: float) -> RunRecord:
    """Store the record again with the seconds of the whole command, start to end."""
    timed = replace(record, time_s=replace(record.time_s, total=total_s))
    store.save(timed)
    return timed
