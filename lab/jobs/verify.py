"""`lab verify` without its looks: run a prompt on the device, compute the same with transformers, compare."""

from __future__ import annotations

import random
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lab.analysis.agreement import Agreement, agreement
from lab.core.errors import MeasureError
from lab.core.lock import device_lock
from lab.core.lock_holder import holder_line
from lab.core.progress import Progress
from lab.devices.base import Device
from lab.devices.link import Access
from lab.devices.registry import open_device
from lab.formats.bundle import load_manifest
from lab.formats.manifest import WEIGHTS_NAME, BundleManifest
from lab.formats.target import TargetSpec
from lab.formats.test import Test
from lab.jobs.build import Pipeline
from lab.jobs.interrupt import keeping
from lab.jobs.options import Choice
from lab.jobs.preflight import check_tools
from lab.measure.attempt import attempt
from lab.measure.plan import plan_for
from lab.measure.runner.invocation import place_bundle, place_runner
from lab.measure.runner.starting import startable
from lab.measure.share import default_threads
from lab.models.quant import F32
from lab.models.torch_reference import StoredWeights, reference_logits
from lab.ondevice.build import RunnerFiles
from lab.ondevice.run_log import RunLog

PROMPT_SEED = 20240422


@dataclass(frozen=True)
class Verification:
    """What was held against the reference, and how near it is."""

    target: str
    model: str
    bundle: str
    prompt_tokens: int
    steps: int
    agreement: Agreement

    def document(self) -> dict[str, Any]:
        """Return the finding as plain data."""
        return asdict(self)


def verify(
    choice: Choice, prompt_tokens: int, steps: int, progress: Progress, access: Access | None = None
) -> Verification:
    """Build what is missing, run `prompt_tokens` and then `steps` tokens on the device, compare their logits."""
    target, spec, source = choice.resolved(progress)
    check_tools(target, progress)
    building = Pipeline(progress)
    bundle, runner = building.bundle(spec, target, source), building.runner(target)
    manifest = load_manifest(bundle, "bundle")
    prompt = _prompt(prompt_tokens, spec.config.vocab_size)
    with keeping("nothing was compared; the bundle stays for the next time"):
        made, got = _Trial(target, runner, bundle, manifest, progress, access).run(prompt, steps)
        weights = StoredWeights(spec, bundle / WEIGHTS_NAME, manifest.tensors, manifest.weights.layout)
        want = reference_logits(spec, weights, [*prompt, *made[:-1]], progress)[-steps:]
    near = agreement(got, want, manifest.verify.rel_error_max)
    return Verification(target.name, spec.label, manifest.key, prompt_tokens, steps, near)


def _prompt(count: int, vocab_size: int) -> list[int]:
    chosen = random.Random(PROMPT_SEED)
    return [chosen.randrange(vocab_size) for _ in range(count)]


@dataclass(frozen=True)
class _Trial:
    """One run of the bundle on its device that keeps every logit."""

    target: TargetSpec
    runner: RunnerFiles
    bundle: Path
    manifest: BundleManifest
    progress: Progress
    access: Access | None

    def run(self, prompt: list[int], steps: int) -> tuple[list[int], F32]:
        """Return the tokens that were generated and the logits each came from. -> [steps], [steps, vocab]"""
        device, what = open_device(self.target, self.access), f"verify {self.manifest.model.label}"
        try:
            with device_lock(device.serial, what), device.claim(holder_line(what)):
                return self._on(device, prompt, Test(len(prompt), steps))
        finally:
            device.close()

    def _on(self, device: Device, prompt: list[int], cell: Test) -> tuple[list[int], F32]:
        plan = plan_for(self.target, (cell,), default_threads(device.facts()), warmup_cap=1)
        runner = startable(device, self.runner, self.target, self.progress.note)
        placed = place_runner(device, runner, self.target)
        place_of = place_bundle(device, placed, self.bundle, self.manifest, plan, self.progress)
        log = RunLog()
        with tempfile.TemporaryDirectory() as folder, self.progress.phase("run on the device"):
            ids, logits = Path(folder) / "ids.txt", Path(folder) / "logits.bin"
            ids.write_text("\n".join(map(str, prompt)) + "\n", encoding="ascii")
            remote = device.push(ids, "verify/ids.txt")
            files = ["--ids", remote, "--dump-logits", f"{remote}.logits"]
            ending = attempt(
                device, [*place_of.timed(cell, verify=False), *files], place_of.env, plan.measure.timeout_s, log
            )
            if ending.ending != "whole":
                raise MeasureError(
                    f"{device.name}: the run ended as {ending.ending.replace('_', ' ')}: {ending.reason}"
                )
            device.pull(f"{remote}.logits", logits)
            values = np.fromfile(logits, dtype="<f4")
        return [token.id for token in log.tokens], self._shaped(values, cell.generate)

    def _shaped(self, values: F32, steps: int) -> F32:
        vocab = self.manifest.model.vocab_size
        if values.size != steps * vocab:
            raise MeasureError(f"the device wrote {values.size} logits instead of {steps} x {vocab}")
        return values.reshape(steps, vocab)
