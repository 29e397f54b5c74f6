"""llama.cpp as an engine of a session: the same cells, the same surroundings, the same record."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from lab.core.errors import DeviceError, MeasureError
from lab.core.progress import Progress
from lab.devices.base import Device
from lab.formats.bundle import GGUF_NAME, GgufManifest, load_manifest, verify_files
from lab.formats.run_record import BundleRecord, CellMemory, EngineRecord, TimesRecord
from lab.formats.target import TargetSpec
from lab.measure.checks import check_context, check_memory, check_threads
from lab.measure.engine import Described, Rate
from lab.measure.llama.attention import Tried, faster, flash_block, try_attentions, words
from lab.measure.llama.call import LlamaFailed, Said, call, check_row, only_row
from lab.measure.llama.memory import pass_memory
from lab.measure.llama.output import Row
from lab.measure.llama.trial import LlamaTrial
from lab.measure.llama.words import Command, Shape, memory_shape
from lab.measure.plan import Cell, Plan
from lab.measure.threads import best_threads, tried_block

NAME = "llama.cpp"
STATED = {
    "sampling": "none: llama-bench feeds random tokens and chooses nothing",
    "kv_counter": "not counted",
    "process": "two fresh processes a repetition: prefill, then decode",
}
PROBE_ROUNDS = 2


@dataclass(frozen=True)
class LlamaSetup:
    """llama-bench, a folder with a GGUF, and the target; `times` is what was spent on the folder."""

    program: Path
    folder: Path
    target: TargetSpec
    progress: Progress
    times: TimesRecord

    @property
    def what(self) -> str:
        """The model and the target."""
        return f"{load_manifest(self.folder, 'gguf').model.label} on {self.target.name}"

    def prepare(self, device: Device, facts: dict[str, Any], plan: Plan) -> LlamaEngine:
        """Check GGUF and plan; see `Setup`. DeviceError on any device but this machine."""
        if self.target.device.transport != "local":
            raise DeviceError(f"{self.target.name}: engine {NAME} runs on this machine only, for now")
        manifest = load_manifest(self.folder, "gguf")
        check_threads(plan, facts, self.target)
        check_context(plan, manifest)
        check_memory(plan, manifest, facts)
        verify_files(self.folder, manifest, self.progress)
        gguf = device.push(self.folder / GGUF_NAME, f"gguf/{manifest.key[:12]}/{GGUF_NAME}")
        program = device.push(self.program, f"llama/{self.program.name}")
        command = Command(program, gguf, manifest.model.kv_dtype, plan)
        return LlamaEngine(device, manifest, self.target, command, self.progress, self.times)


@dataclass(frozen=True)
class LlamaEngine:
    """A GGUF in llama.cpp; see `Engine`."""

    device: Device
    manifest: GgufManifest
    target: TargetSpec
    command: Command
    progress: Progress
    times: TimesRecord
    tried: Sequence[Rate] = ()
    flash: Tried = field(default_factory=dict)

    @property
    def name(self) -> str:
        """llama.cpp."""
        return NAME

    @property
    def plan(self) -> Plan:
        """The plan that every call is made of."""
        return self.command.plan

    def described(self) -> Described:
        """Return the record's blocks."""
        manifest = self.manifest
        requested = f"cpu {manifest.weights.layout.removeprefix('gguf-')}"
        prefill = self.command.prefill_threads
        threads = {"prefill_threads": prefill} if prefill else {}
        said = {**threads, **tried_block(self.tried), **flash_block(self.flash)}
        engine = EngineRecord(NAME, {NAME: None}, requested, None, self.plan.threads, extra=said)
        bundle = BundleRecord(
            key=manifest.key,
            decode_weight_bytes_per_token=manifest.decode_weight_bytes_per_token,
            kv_bytes_per_token=manifest.memory.kv_bytes_per_token,
            memory=manifest.memory,
        )
        return Described(manifest.model, manifest.weights, engine, bundle, STATED)

    def trial(self, cell: Cell, *, verify: bool) -> LlamaTrial:
        """Return a prefill and a decode, each in a process of its own; llama-bench has nothing to verify with."""
        return LlamaTrial(self.command, cell, self.one_row)

    def memory(self, cell: Cell, previous: CellMemory | None) -> CellMemory:
        """Fill the cell's context in one more process, and look at its memory."""
        shape = memory_shape(cell, self.plan)
        try:
            row, said = self.one_row(self.command.memory_pass(cell), shape)
        except LlamaFailed as problem:
            return pass_memory(problem.reason, self.manifest, previous, shape.generate)
        return pass_memory((row, said.watched), self.manifest, previous, shape.generate)

    def rates(self, counts: Sequence[int], cell: Cell) -> list[Rate]:
        """Probe all counts in one process, which loads the model once."""
        try:
            said = self._call(self.command.probe(cell, counts, PROBE_ROUNDS))
            return list(self._probed(said.rows, counts, cell))
        except LlamaFailed as problem:
            raise MeasureError(f"{NAME}: no number of threads gave a result: {problem.reason}") from problem

    def with_threads(self, threads: int, tried: Sequence[Rate]) -> LlamaEngine:
        """Return the same GGUF, decoded with `threads`, and prefilled with what `tried` shows to be best for that.

        Which attention decodes faster with them is tried too.
        """
        plan, prefill = replace(self.plan, threads=threads), best_threads(tried, "prefill")
        command = replace(self.command, plan=plan, prefill_threads=prefill)
        flash = try_attentions(command, self.manifest.elements, self._call)
        if flash:
            self.progress.note(f"{NAME}: {words(flash)}")
        return replace(self, command=replace(command, flash=faster(flash)), tried=tried, flash=flash)

    def one_row(self, argv: list[str], shape: Shape) -> tuple[Row, Said]:
        """Run one test; LlamaFailed when it gives nothing to believe."""
        said = self._call(argv)
        return only_row(said, shape, self.command, self.manifest.elements), said

    def _call(self, argv: list[str]) -> Said:
        return call(self.device, argv, self.plan.timeout_s)

    def _probed(self, rows: Sequence[Row], counts: Sequence[int], cell: Cell) -> Iterator[Rate]:
        tests = [(n, shape) for n in counts for shape in (Shape(cell.prompt, 0), Shape(0, cell.generate - 1))]
        if len(rows) != len(tests):
            raise LlamaFailed("rejected", f"llama-bench ran {len(rows)} tests instead of {len(tests)}")
        for row, (threads, shape) in zip(rows, tests, strict=True):
            check_row(row, shape, self.command, self.manifest.elements, threads, PROBE_ROUNDS)
        for prefill, decode in zip(rows[0::2], rows[1::2], strict=True):
            for pair in zip(prefill.tok_per_s, decode.tok_per_s, strict=True):
                yield Rate(prefill.n_threads, *pair)
