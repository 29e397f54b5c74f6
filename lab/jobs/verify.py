"""`lab verify` without its looks: run a prompt on the device, compute the same with transformers, compare."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import islice
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
from lab.jobs.preflight import check_early, check_tools
from lab.measure.attempt import attempt
from lab.measure.plan import Plan, plan_for
from lab.measure.runner.invocation import Invocation, place_bundle, place_runner
from lab.measure.runner.starting import startable
from lab.measure.share import default_threads
from lab.models.catalog import ModelSpec
from lab.models.params import of_count, rel_error_max
from lab.models.quant import F32
from lab.models.sources import WeightSource
from lab.models.torch_reference import StoredWeights, reference_logits, reference_scores
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
    """Build what is missing, run `prompt_tokens` and then `steps` tokens on the device, compare their logits.

    Of a model that judges texts, run `steps` prompts and compare their scores. Raises MeasureError, before anything is
    built, where the device has no room for it.
    """
    target, spec, source = choice.resolved(progress)
    check_tools(target, progress)
    device = open_device(target, access)
    try:
        generate = 0 if spec.config.labels is not None else steps
        plan = _plan(target, device, Test(prompt_tokens, generate))
        check_early(spec, target, plan, device.facts())
        return _verified(target, spec, source, device, plan, steps, progress)
    finally:
        device.close()


def _plan(target: TargetSpec, device: Device, cell: Test) -> Plan:
    return plan_for(target, (cell,), default_threads(device.facts()), warmup_cap=1)


def _verified(
    target: TargetSpec,
    spec: ModelSpec,
    source: WeightSource,
    device: Device,
    plan: Plan,
    steps: int,
    progress: Progress,
) -> Verification:
    building = Pipeline(progress)
    bundle, runner = building.bundle(spec, target, source), building.runner(target)
    manifest = load_manifest(bundle, "bundle")
    trial, tokens = _Trial(target, runner, bundle, manifest, device, plan, progress), plan.cells[0].prompt
    prompts = _prompts(tokens, spec.config.vocab_size)
    with keeping("nothing was compared; the bundle stays for the next time"):
        weights = StoredWeights(spec, bundle / WEIGHTS_NAME, manifest.tensors, manifest.weights.layout)
        if spec.config.labels is None:
            prompt = next(prompts)
            made, got = trial.generate(prompt)
            want = reference_logits(spec, weights, [*prompt, *made[:-1]], progress)[-steps:]
            near = agreement(got, want, manifest.verify.rel_error_max)
        else:
            texts = list(islice(prompts, steps))
            got, want = trial.judge(texts), reference_scores(spec, weights, texts, progress)
            limit = rel_error_max(spec.scheme, spec.layers, manifest.weights.layout) * of_count(got.size)
            near = agreement(got, want, limit, jointly=True)
    return Verification(target.name, spec.label, manifest.key, tokens, steps, near)


def _prompts(count: int, vocab_size: int) -> Iterator[list[int]]:
    """Yield prompts of `count` tokens without end."""
    chosen = random.Random(PROMPT_SEED)
    while True:
        yield [chosen.randrange(vocab_size) for _ in range(count)]


@dataclass(frozen=True)
class _Trial:
    """Runs of the bundle on its device that keep every logit, or every score."""

    target: TargetSpec
    runner: RunnerFiles
    bundle: Path
    manifest: BundleManifest
    device: Device
    plan: Plan
    progress: Progress

    def generate(self, prompt: list[int]) -> tuple[list[int], F32]:
        """Return the tokens that were generated and the logits each came from. -> [steps], [steps, vocab]"""
        ((tokens, logits),) = self._runs([prompt])
        return tokens, logits

    def judge(self, texts: list[list[int]]) -> F32:
        """Return the scores of each text. -> [texts, labels]"""
        return np.concatenate([scores for _, scores in self._runs(texts)])

    def _runs(self, prompts: list[list[int]]) -> list[tuple[list[int], F32]]:
        device, what = self.device, f"verify {self.manifest.model.label}"
        with device_lock(device.serial, what), device.claim(holder_line(what)):
            runner = startable(device, self.runner, self.target, self.progress.note)
            placed = place_runner(device, runner, self.target)
            place_of = place_bundle(device, placed, self.bundle, self.manifest, self.plan, self.progress)
            with tempfile.TemporaryDirectory() as folder, self.progress.phase("run on the device"):
                return [self._run(place_of, Path(folder), prompt) for prompt in prompts]

    def _run(self, place_of: Invocation, folder: Path, prompt: list[int]) -> tuple[list[int], F32]:
        device, (cell,) = self.device, self.plan.cells
        log, ids, logits = RunLog(), folder / "ids.txt", folder / "logits.bin"
        ids.write_text("\n".join(map(str, prompt)) + "\n", encoding="ascii")
        remote = device.push(ids, "verify/ids.txt")
        files = ["--ids", remote, "--dump-logits", f"{remote}.logits"]
        argv = [*place_of.timed(cell, verify=False), *files]
        ending = attempt(device, argv, place_of.env, self.plan.measure.timeout_s, log)
        if ending.ending != "whole":
            raise MeasureError(f"{device.name}: the run ended as {ending.ending.replace('_', ' ')}: {ending.reason}")
        device.pull(f"{remote}.logits", logits)
        values = np.fromfile(logits, dtype="<f4")
        return [token.id for token in log.tokens], self._shaped(values, max(cell.generate, 1))

    def _shaped(self, values: F32, rows: int) -> F32:
        outputs = self.manifest.model.labels or self.manifest.model.vocab_size
        if values.size != rows * outputs:
            raise MeasureError(f"the device wrote {values.size} logits instead of {rows} x {outputs}")
        return values.reshape(rows, outputs)
