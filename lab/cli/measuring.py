"""`lab run` without its looks: build what is missing, measure, put the whole command's time on record."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from lab.cli.early import check_early
from lab.cli.engines import Builder
from lab.cli.pipeline import Choice, Pipeline
from lab.core import store
from lab.core.home import shown
from lab.core.progress import Progress
from lab.core.run_record import RunRecord, TimesRecord
from lab.core.target import TargetSpec
from lab.devices.base import Device
from lab.devices.registry import open_device
from lab.measure.plan import Plan, cells_of, plan_for
from lab.measure.session import Interrupted, measure, measure_engines
from lab.models.catalog import ModelSpec
from lab.ondevice.build import RunnerFiles


@dataclass(frozen=True)
class Wanted:
    """What the options of `lab run` ask to be measured; None leaves a setting to the target."""

    prompt: tuple[int, ...]
    generate: tuple[int, ...]
    depth: tuple[int, ...]
    repeats: int | None = None
    threads: int | None = None
    engines: tuple[str, ...] = ()


Found = tuple[tuple[RunRecord, ...], str | None]


def run_wanted(
    choice: Choice, wanted: Wanted, dump_ir: Path | None, progress: Progress
) -> tuple[tuple[RunRecord, ...], str | None]:
    """Return the stored record of each engine and, after Ctrl-C while measuring, a sentence on what was kept."""
    began = time.monotonic()
    target, spec, source = choice.resolved()
    device = open_device(target)
    try:
        plan = _plan(wanted, spec, target, device)
        if wanted.engines:
            found = _engines(device, Builder(spec, target, source, dump_ir, progress), wanted, plan)
        else:
            steps = Pipeline(progress)
            bundle, runner = steps.bundle(spec, target, source, dump_ir), steps.runner(target)
            found = _measured(device, bundle, target, plan, progress, runner, steps.time_s)
    finally:
        device.close()
    records, kept = found
    return tuple(_with_total(record, time.monotonic() - began) for record in records), kept


def _engines(device: Device, builder: Builder, wanted: Wanted, plan: Plan) -> Found:
    """Measure the engines that were named; threads that nobody named are found for each."""
    setups, runner = builder.setups(wanted.engines)
    free = wanted.threads is None and builder.target.measure.threads == 0
    try:
        return measure_engines(device, setups, plan, builder.progress, runner, find_threads=free), None
    except Interrupted as stop:
        return _stopped(stop)


def _measured(
    device: Device,
    bundle: Path,
    target: TargetSpec,
    plan: Plan,
    progress: Progress,
    runner: RunnerFiles,
    time_s: Mapping[str, float],
) -> Found:
    try:
        return (measure(device, bundle, target, plan, progress, runner, _times(time_s)),), None
    except Interrupted as stop:
        return _stopped(stop)


def _stopped(stop: Interrupted) -> Found:
    return tuple(record for record, _ in stop.all), _kept(stop)


def _times(time_s: Mapping[str, float]) -> TimesRecord:
    return TimesRecord(compile=time_s["compile"], convert=time_s["convert"], runner=time_s["runner"])


def _plan(wanted: Wanted, spec: ModelSpec, target: TargetSpec, device: Device) -> Plan:
    facts = device.facts()
    cells = cells_of(wanted.prompt, wanted.generate, wanted.depth)
    changes = {"repeats": wanted.repeats, "threads": wanted.threads}
    plan = plan_for(target, cells, facts.get("cores"), **changes)
    check_early(spec, target, plan, facts)
    return plan


def _kept(stop: Interrupted) -> str:
    records = [record for record, _ in stop.all]
    done = sum(row.status == "ok" for record in records for cell in record.cells for row in cell.repetitions)
    planned = sum(len(record.cells) * record.plan.repeats for record in records)
    paths = " and ".join(shown(path) for _, path in stop.all)
    kept = "the run is kept in" if len(records) == 1 else "the runs are kept in"
    return f"{done} of {planned} repetitions were finished; {kept} {paths}"


def _with_total(record: RunRecord, total_s: float) -> RunRecord:
    """Store the record again with the seconds of the whole command, start to end."""
    timed = replace(record, time_s=replace(record.time_s, total=total_s))
    store.save(timed)
    return timed
