"""One session of a build that is in compiled/ already: the confirm stage brings old and new back this way."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from lab.core.errors import BundleError
from lab.core.home import compiled_dir, shown
from lab.core.progress import Progress
from lab.devices.base import Device
from lab.devices.link import Access
from lab.devices.registry import open_device
from lab.formats.bundle import load_manifest, verify_files
from lab.formats.run_record import RevisionBlock, RunRecord, TimesRecord
from lab.formats.tags import CONFIRM
from lab.formats.target import TargetSpec, load_target, reached
from lab.formats.test import Test
from lab.jobs.build import Pipeline
from lab.jobs.interrupt import Interrupted
from lab.measure.plan import Plan, plan_for
from lab.measure.runner.setup import RunnerSetup
from lab.measure.session import Interrupted as MeasuringInterrupted
from lab.measure.session import measure
from lab.measure.share import default_threads
from lab.ondevice.build import RunnerFiles

SHOWN = 12


@dataclass
class Sessions:
    """Measures sessions of recorded builds on their targets; a device is opened once and closed at the end."""

    address: str | None
    access: Access | None
    progress: Progress
    _devices: dict[str, tuple[TargetSpec, Device, RunnerFiles]] = field(default_factory=dict)

    def __enter__(self) -> Sessions:
        """Nothing is opened before it is needed."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Close every device."""
        for _, device, _ in self._devices.values():
            device.close()

    def check(self, record: RunRecord) -> None:
        """Raise BundleError where the build of `record` is gone or damaged, with how to get it back."""
        folder = bundle_of(record)
        verify_files(folder, load_manifest(folder, "bundle"), digests=False)

    def session(self, record: RunRecord, cells: tuple[Test, ...], marks: dict[str, Any]) -> RunRecord:
        """Measure `cells` with the build of `record` and its settings; what comes out is a run of its own."""
        target, device, runner = self._opened(record.target.name)
        said = {"tags": (CONFIRM,), "revision": revision_of(record), **marks}
        try:
            plan = self._plan(record, target, device, cells)
            setup = RunnerSetup(bundle_of(record), target, runner, self.progress, TimesRecord())
            return measure(device, setup, plan, said=said)
        except MeasuringInterrupted as stop:
            raise Interrupted(f"the sessions up to here are on record, the last in {shown(stop.path)}") from stop

    def _opened(self, name: str) -> tuple[TargetSpec, Device, RunnerFiles]:
        if name not in self._devices:
            target = reached(load_target(name), self.address)
            runner = Pipeline(self.progress).runner(target)
            self._devices[name] = target, open_device(target, self.access), runner
        return self._devices[name]

    def _plan(self, record: RunRecord, target: TargetSpec, device: Device, cells: tuple[Test, ...]) -> Plan:
        return plan_for(
            target, cells, default_threads(device.facts()), repeats=record.plan.repeats, threads=record.plan.threads
        )


def bundle_of(record: RunRecord) -> Path:
    """Return the folder of the build that `record` measured; BundleError where compiled/ has it no more."""
    key = record.bundle.key
    for folder in sorted(compiled_dir().glob(f"*--{key[:SHOWN]}")):
        try:
            if load_manifest(folder, "bundle").key == key:
                return folder
        except BundleError:  # damaged: as good as gone
            continue
    raise BundleError(
        f"build {key[:SHOWN]} of run {record.run_id} is not in {shown(compiled_dir())}", hint=_how(record)
    )


def revision_of(record: RunRecord) -> RevisionBlock | None:
    """Return the revision that the build is of: lab's own where it was measured in lab's checkout."""
    if record.revision is not None or record.lab.git_commit is None:
        return record.revision
    return RevisionBlock(record.lab.git_commit, bool(record.lab.git_dirty))


def _how(record: RunRecord) -> str:
    revision = revision_of(record)
    at = f"check out {revision.commit[:SHOWN]} and " if revision else "with the lab it was made by, "
    layers = "" if record.model.layers == record.model.layers_total else f" --layers {record.model.layers}"
    command = f"lab run --target {record.target.name} --model {record.model.id}{layers}"
    return f"{at}make it again with the same LAB_HOME: {command}"
