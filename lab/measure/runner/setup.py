"""A bundle and the runner brought to a device: checked, pushed, and the weights staged before anything is timed.

Staged weights lie in the device's page cache, in huge pages where it has them. Decode reads every weight once a token.
In small pages that is half a million translations of addresses a token: on an AMD EPYC (Zen 5) two threads then took
33 ms a token, and 29 ms in huge pages, within one minute.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lab.core.progress import Progress
from lab.devices.base import Device
from lab.formats.bundle import load_manifest, verify_files
from lab.formats.run.engine import StagedWeights
from lab.formats.run_record import TimesRecord
from lab.formats.target import TargetSpec
from lab.measure.checks import check_all, check_processor
from lab.measure.memory import why_uncountable
from lab.measure.plan import Plan
from lab.measure.runner.ask import ask
from lab.measure.runner.engine import RunnerEngine
from lab.measure.runner.gpu import is_gpu
from lab.measure.runner.gpu_checks import check_gpu, gpu_facts
from lab.measure.runner.invocation import place_bundle, place_runner
from lab.measure.runner.starting import check_starts
from lab.ondevice.build import RunnerFiles
from lab.ondevice.events import Staged


@dataclass(frozen=True)
class RunnerSetup:
    """A bundle folder for a target, and the runner; `times` is what was spent on them."""

    bundle: Path
    target: TargetSpec
    runner: RunnerFiles
    progress: Progress
    times: TimesRecord
    pixels: Path | None = None  # the patches of the image before each prompt, where that is not the made-up one

    @property
    def what(self) -> str:
        """The model and the target."""
        return f"{load_manifest(self.bundle, 'bundle').model.label} on {self.target.name}"

    def prepare(self, device: Device, facts: dict[str, Any], plan: Plan) -> RunnerEngine:
        """Check bundle and plan, bring everything to the device; see `Setup`."""
        manifest = load_manifest(self.bundle, "bundle")
        check_all(plan, manifest, self.target, facts)
        verify_files(self.bundle, manifest, self.progress)
        placed = place_runner(device, self.runner, self.target)
        if is_gpu(self.target):
            check_gpu(gpu_facts(device, placed, self.target, self.runner), manifest, self.target, plan)
        else:
            check_processor(check_starts(device, placed, self.runner, self.target), manifest, self.target)
        invocation = place_bundle(device, placed, self.bundle, manifest, plan, self.progress)
        if self.pixels is not None:
            invocation = replace(invocation, image=device.push(self.pixels, f"image/{self.pixels.name}"))
        with self.progress.phase("stage weights"):
            staging = stage(device, invocation.stage(), invocation.env)
        no_counters = why_uncountable(facts)
        return RunnerEngine(
            device,
            manifest,
            self.target,
            self.runner,
            invocation,
            self.times,
            staging,
            progress=self.progress,
            no_counters=no_counters,
        )


def stage(device: Device, argv: Sequence[str], env: Mapping[str, str]) -> StagedWeights:
    """Run the runner's stage verb; a failure is a reason, never an end of the session."""
    answer, ending = ask(device, argv, env, Staged)
    return StagedWeights(None, None, ending) if answer is None else StagedWeights(answer.bytes, answer.huge_bytes, None)
