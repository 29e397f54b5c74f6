"""The engine that is ours: a bundle, run by lab-bench."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from lab.core.decode import decode
from lab.core.errors import MeasureError
from lab.core.fields import encode
from lab.core.progress import NullProgress, Progress
from lab.devices.base import Device
from lab.formats.manifest import BundleManifest
from lab.formats.run.engine import StagedWeights
from lab.formats.run_record import (
    BundleRecord,
    CellMemory,
    EngineRecord,
    Profile,
    RanOn,
    Repetition,
    TimesRecord,
    VerifyResult,
)
from lab.formats.target import TargetSpec
from lab.formats.test import Test
from lab.measure.attempt import Attempt, attempt, explained
from lab.measure.conditions.gates import Conditions
from lab.measure.engine import Described, Findings, Rate
from lab.measure.memory import cell_memory, no_memory, uncounted
from lab.measure.plan import Plan
from lab.measure.runner.gpu import (
    MLC_NAMES,
    effective_name,
    fell_back,
    profile_of,
    with_driver_memory,
    with_gpu,
)
from lab.measure.runner.invocation import Invocation
from lab.measure.runner.repetition import interrupted, metrics, repetition, timing_of, why_rejected
from lab.measure.runner.telling import told_by
from lab.measure.threads import threads_tried
from lab.ondevice.build import RunnerFiles
from lab.ondevice.events import Verify
from lab.ondevice.run_log import RunLog

PROBE_WARMUPS, TRIAL_WARMUPS = 3, 1


@dataclass(frozen=True)
class RunnerEngine:
    """A bundle on a device; see `Engine`."""

    device: Device
    manifest: BundleManifest
    target: TargetSpec
    runner: RunnerFiles
    invocation: Invocation
    times: TimesRecord
    staging: StagedWeights
    tried: Sequence[Rate] = ()
    progress: Progress = field(default_factory=NullProgress)
    timed_s: dict[Test, float] = field(default_factory=dict)  # how long each test's timed part took, for the next one
    no_counters: str | None = None  # why the device's counters of memory can't be believed

    @property
    def name(self) -> str:
        """The backend that compiled the bundle."""
        return self.target.compile.backend

    @property
    def plan(self) -> Plan:
        """The plan that every call is made of."""
        return self.invocation.plan

    def described(self) -> Described:
        """Return the record's blocks."""
        manifest = self.manifest
        bundle = BundleRecord(
            key=manifest.key,
            decode_weight_bytes_per_token=manifest.decode_weight_bytes_per_token,
            kv_bytes_per_token=manifest.memory.kv_bytes_per_token,
            memory=manifest.memory,
            decode=manifest.decode,
            unverified_on_device=manifest.unverified_on_device,
            mlc_quantisation=MLC_NAMES.get(manifest.weights.layout),
        )
        return Described(manifest.model, manifest.weights, self._block(), bundle)

    def trial(self, cell: Test, *, verify: bool) -> RunnerTrial:
        """Return one run of lab-bench."""
        return RunnerTrial(self, cell, verify)

    def memory(self, cell: Test, previous: CellMemory | None) -> CellMemory:
        """Run lab-bench once more, sampling its memory."""
        log, generate = RunLog(), min(cell.generate, self.plan.memory_generate)
        if self.no_counters is not None:
            return no_memory(self.no_counters, generate)
        how = self._attempt(self.invocation, self.invocation.memory_pass(cell), log)
        return with_driver_memory(cell_memory(log, how, self.manifest, previous, generate), log)

    def profile(self, cell: Test) -> Profile:
        """Run lab-bench once more with every kernel timed; see `profile_of`."""
        log = RunLog()
        how = self._attempt(self.invocation, self.invocation.profile_pass(cell), log)
        return profile_of(how, log)

    def rates(self, counts: Sequence[int], cell: Test) -> list[Rate]:
        """Run each count in a process of its own, up and down again; of a GPU only the last: none of them matters."""
        reasons: dict[str, None] = {}
        tried = counts[-1:] if self.invocation.gpu else [*counts, *reversed(counts)]
        found = list(self._probes(tried, cell, reasons))
        if not found:
            raise MeasureError(f"{self.name}: no number of threads gave a result: {'; '.join(reasons)}")
        return found

    def with_threads(self, threads: int, tried: Sequence[Rate]) -> RunnerEngine:
        """Return the same bundle, called with `threads`."""
        plan = replace(self.plan, threads=threads)
        return replace(self, invocation=replace(self.invocation, plan=plan), tried=tried)

    def with_plan(self, plan: Plan) -> RunnerEngine:
        """Return the same bundle, called as `plan` says."""
        return replace(self, invocation=replace(self.invocation, plan=plan))

    def try_once(self, cell: Test) -> Rate | str:
        """Return how fast the small `cell` goes after one round of warm-up, or why that is not known."""
        return self._probe(self.plan.threads, cell, TRIAL_WARMUPS)

    def run(self, cell: Test, verify: bool, log: RunLog) -> Attempt:
        """Run one timed process and fill `log`."""
        how = self._attempt(self.invocation, self.invocation.timed(cell, verify=verify), log)
        return explained(how, self.manifest.verify.kv_overflow_layers, self.manifest.model.kv_dtype)

    def _attempt(self, invocation: Invocation, argv: list[str], log: RunLog) -> Attempt:
        return attempt(self.device, argv, invocation.env, self.plan.measure.timeout_s, log)

    def _probes(self, counts: Sequence[int], cell: Test, reasons: dict[str, None]) -> Iterator[Rate]:
        for threads in counts:
            found = self._probe(threads, cell, PROBE_WARMUPS)
            if isinstance(found, Rate):
                yield found
            else:
                reasons[f"{threads}: {found}"] = None

    def _probe(self, threads: int, cell: Test, warmups: int) -> Rate | str:
        plan = self.plan.changed(threads=threads, warmup_cap=warmups)
        invocation, log = replace(self.invocation, plan=plan), RunLog()
        how = self._attempt(invocation, invocation.timed(cell, verify=False), log)
        reason = how.reason or why_rejected(cell, timing_of(log))
        if how.ending != "whole" or reason is not None:
            return str(reason)
        found = metrics(cell, timing_of(log))
        return Rate(threads, found.prefill_tok_per_s, found.decode_tok_per_s)

    def _block(self) -> EngineRecord:
        versions = encode(self.manifest.versions)
        return EngineRecord(
            name=self.name,
            versions={key: value for key, value in versions.items() if value is None or isinstance(value, str)},
            requested=" ".join(filter(None, (self.manifest.target.kind, self.manifest.target.isa))),
            effective=None,
            threads=self.plan.threads,
            runner={**self.runner.described()},
            staged=self.staging,
            threads_tried=threads_tried(self.tried),
        )


class RunnerTrial:
    """One run of lab-bench; see `Trial`."""

    def __init__(self, engine: RunnerEngine, cell: Test, verify: bool) -> None:
        self._engine, self._cell, self._verify = engine, cell, verify
        self._log = RunLog(told_by(cell, engine.progress.now, engine.timed_s))

    def run(self) -> Attempt:
        """Run the process to its end."""
        return self._engine.run(self._cell, self._verify, self._log)

    def row(self, how: Attempt, around: Conditions) -> Repetition:
        """Return the repetition."""
        row = repetition(self._cell, self._engine.plan.threads, self._verify, self._log, how, around)
        row = with_gpu(row, self._log, self._engine.manifest)
        return row if self._engine.no_counters is None else uncounted(row)

    def interrupted(self, around: Conditions) -> Repetition:
        """Return the repetition with what was stamped by then."""
        return interrupted(self._log, around)

    def findings(self) -> Findings:
        """Return the verdict, and what `loaded` says: the processor's features stand in the device's facts."""
        log = self._log
        verify = None if log.verify is None else _verdict(log.verify)
        if log.start is None or log.loaded is None:
            return Findings(verify)
        where = log.loaded.ran_on
        left_out = ("features",) if where.gpu else ("features", "gpu")
        reported = {key: value for key, value in encode(where).items() if key not in left_out}
        ran_on = decode(RanOn, reported, where="what the runner ran on", error=MeasureError)
        runner = {**self._engine.runner.described(), "version": log.start.runner}
        verdict = fell_back(where.gpu, self._engine.target) if where.gpu else None
        return Findings(verify, effective_name(where), {"ran_on": ran_on, "runner": runner, "fell_back": verdict})


def _verdict(said: Verify) -> VerifyResult:
    return VerifyResult(said.rel_error, said.rel_error_max, said.argmax_match, said.passed)
