"""llama.cpp and ik_llama.cpp as engines of a session: the same cells, the same surroundings, the same record."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from lab.core.errors import DeviceError, MeasureError
from lab.core.progress import Progress
from lab.devices.base import Device
from lab.formats.bundle import load_manifest, verify_files
from lab.formats.manifest import GGUF_NAME, GgufManifest
from lab.formats.run_record import BundleRecord, CellMemory, EngineRecord, TimesRecord
from lab.formats.target import TargetSpec
from lab.formats.test import Test
from lab.measure.checks import check_context, check_memory, check_threads
from lab.measure.engine import Described, Rate
from lab.measure.llama.call import LlamaFailed, Said, call, check_row, only_row
from lab.measure.llama.command import Command
from lab.measure.llama.output import Row, Watched
from lab.measure.llama.peer import Peer
from lab.measure.llama.phases import memory_of
from lab.measure.llama.settle import settle
from lab.measure.llama.trial import LlamaTrial
from lab.measure.llama.variants import Gguf
from lab.measure.memory import believable, no_memory
from lab.measure.plan import Plan
from lab.measure.protocol import MEMORY_COUNTER
from lab.measure.threads import threads_tried

STATED = {
    "sampling": "none: llama-bench feeds random tokens and chooses nothing",
    "kv_counter": "not counted",
    "process": "two fresh processes a repetition: prefill, then decode",
}
PROBE_ROUNDS = 2


@dataclass(frozen=True)
class LlamaSetup:
    """A peer's llama-bench, folders with a GGUF of the same weights each, and the target.

    The first folder is of the same bits as ours; the others are tried where the peer has variants. `times` is what was
    spent on the folders.
    """

    peer: Peer
    program: Path
    folders: Sequence[Path]
    target: TargetSpec
    progress: Progress
    times: TimesRecord

    @property
    def what(self) -> str:
        """The model and the target."""
        return f"{load_manifest(self.folders[0], 'gguf').model.label} on {self.target.name}"

    def prepare(self, device: Device, facts: dict[str, Any], plan: Plan) -> LlamaEngine:
        """Check GGUFs and plan; see `Setup`. DeviceError on any device but this machine."""
        if self.target.device.transport != "local":
            raise DeviceError(f"{self.target.name}: engine {self.peer.name} runs on this machine only, for now")
        self.peer.check(plan)
        check_threads(plan, facts, self.target)
        ggufs = [self._placed(folder, device, facts, plan) for folder in self.folders]
        program = device.push(self.program, f"llama/{self.peer.name}/{self.program.name}")
        command = Command(self.peer, program, ggufs[0].path, ggufs[0].manifest.model.kv_dtype, plan)
        return LlamaEngine(device, ggufs, self.target, command, command, self.progress, self.times)

    def _placed(self, folder: Path, device: Device, facts: dict[str, Any], plan: Plan) -> Gguf:
        manifest = load_manifest(folder, "gguf")
        check_context(plan, manifest)
        check_memory(plan, manifest, facts)
        verify_files(folder, manifest, self.progress)
        return Gguf(device.push(folder / GGUF_NAME, f"gguf/{manifest.key[:12]}/{GGUF_NAME}"), manifest)


@dataclass(frozen=True)
class LlamaEngine:
    """A model in a peer, with the settings of its prefills and of its decodes; see `Engine`."""

    device: Device
    ggufs: Sequence[Gguf]
    target: TargetSpec
    prefill: Command
    decode: Command
    progress: Progress
    times: TimesRecord
    tried: Sequence[Rate] = ()
    settled: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The peer."""
        return self.decode.peer.name

    @property
    def plan(self) -> Plan:
        """The plan that decodes are made of."""
        return self.decode.plan

    @property
    def manifest(self) -> GgufManifest:
        """The file that decodes."""
        return next(one.manifest for one in self.ggufs if one.path == self.decode.gguf)

    def described(self) -> Described:
        """Return the record's blocks."""
        manifest = self.manifest
        requested = f"cpu {manifest.weights.layout.removeprefix('gguf-')}"
        engine = EngineRecord(
            name=self.name,
            versions={self.name: None},
            requested=requested,
            effective=None,
            threads=self.plan.threads,
            prefill_threads=self.prefill.plan.threads if self.tried else None,
            threads_tried=threads_tried(self.tried),
            **self.settled,
        )
        bundle = BundleRecord(
            key=manifest.key,
            decode_weight_bytes_per_token=manifest.decode_weight_bytes_per_token,
            kv_bytes_per_token=manifest.memory.kv_bytes_per_token,
            memory=manifest.memory,
        )
        return Described(manifest.model, manifest.weights, engine, bundle, STATED)

    def trial(self, cell: Test, *, verify: bool) -> LlamaTrial:
        """Return a prefill and a decode, each in a process of its own; llama-bench has nothing to verify with."""
        return LlamaTrial(self.prefill, self.decode, cell, self.one_row)

    def memory(self, cell: Test, previous: CellMemory | None) -> CellMemory:
        """Fill the cell's context in one more process, with the attention that needs least, and look at its memory."""
        test, command = memory_of(cell, self.plan), replace(self.decode, flash=None)
        try:
            row, said = self.one_row(command, command.memory_pass(test), test)
        except LlamaFailed as problem:
            return pass_memory(problem.reason, self.manifest, previous, test.generate)
        return pass_memory((row, said.watched), self.manifest, previous, test.generate)

    def rates(self, counts: Sequence[int], cell: Test) -> list[Rate]:
        """Probe all counts in one process, which loads the model once."""
        try:
            said = self._call(self.decode, self.decode.probe(cell, counts, PROBE_ROUNDS))
            return list(self._probed(said.rows, counts, cell))
        except LlamaFailed as problem:
            raise MeasureError(f"{self.name}: no number of threads gave a result: {problem.reason}") from problem

    def with_threads(self, threads: int, tried: Sequence[Rate]) -> LlamaEngine:
        """Return the same model, decoded with `threads`, and prefilled with what `tried` shows to be best for that.

        Which attention, and of which files, is the fastest with them is tried too.
        """
        found = settle(self.decode, self.ggufs, threads, tried, self._call)
        for sentence in found.sentences:
            self.progress.note(f"{self.name}: {sentence}")
        return replace(self, prefill=found.prefill, decode=found.decode, tried=tried, settled=found.block)

    def one_row(self, command: Command, argv: list[str], test: Test) -> tuple[Row, Said]:
        """Run one test; LlamaFailed when it gives nothing to believe."""
        said = self._call(command, argv)
        return only_row(said, test, command, self.manifest.elements), said

    def _call(self, command: Command, argv: list[str]) -> Said:
        return call(self.device, command.peer, argv, self.plan.measure.timeout_s)

    def _probed(self, rows: Sequence[Row], counts: Sequence[int], cell: Test) -> Iterator[Rate]:
        tests = [(n, test) for n in counts for test in (Test(cell.prompt, 0), Test(0, cell.generate - 1))]
        if len(rows) != len(tests):
            raise LlamaFailed("rejected", f"llama-bench ran {len(rows)} tests instead of {len(tests)}")
        for row, (threads, test) in zip(rows, tests, strict=True):
            check_row(row, test, self.decode, self.manifest.elements, threads=threads, rounds=PROBE_ROUNDS)
        for prefill, decode in zip(rows[0::2], rows[1::2], strict=True):
            for pair in zip(prefill.tok_per_s, decode.tok_per_s, strict=True):
                yield Rate(prefill.n_threads, *pair)


def pass_memory(
    found: tuple[Row, Watched] | str, manifest: GgufManifest, previous: CellMemory | None, generate: int
) -> CellMemory:
    """Return the memory of a cell, or none of it with the reason that `found` then is.

    Cache and workspace are null: llama-bench does not tell them apart. `weights_bytes` is its own word.
    """
    if isinstance(found, str):
        return no_memory(found, generate)
    row, watched = found
    counters = watched.counters
    peak, reason = believable(counters.VmHWM, manifest.decode_weight_bytes_per_token, previous)
    return CellMemory(
        counter=MEMORY_COUNTER,
        rss_peak_bytes=peak,
        rss_anon_peak_bytes=watched.rss_anon_peak_bytes,
        weights_bytes=row.model_size,
        kv_bytes=None,
        workspace_bytes=None,
        samples=watched.samples,
        reason=reason,
        generate=generate,
        swap_bytes=counters.VmSwap,
        major_faults=counters.major_faults,
    )
