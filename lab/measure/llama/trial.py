"""One repetition of a cell by llama-bench: its prefill and its decode, each a fresh process."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Literal, cast

from lab.formats.run.engine import PeerBuild
from lab.formats.run_record import PeerProcess, Repetition
from lab.formats.test import Test
from lab.measure.attempt import Attempt
from lab.measure.conditions.gates import Conditions
from lab.measure.conditions.throttle import judge
from lab.measure.engine import Findings
from lab.measure.llama.call import LlamaFailed, Said
from lab.measure.llama.command import Command
from lab.measure.llama.output import Row, settings
from lab.measure.llama.phases import decode_of, prefill_of

Run = Callable[[Command, list[str], Test], tuple[Row, Said]]


class LlamaTrial:
    """See `Trial`. llama-bench cannot run the two tests of a cell, and no other, in one process."""

    def __init__(self, prefill: Command, decode: Command, cell: Test, run: Run) -> None:
        self._prefill, self._decode, self._cell, self._run = prefill, decode, cell, run
        self._done: list[tuple[str, Row, Said]] = []

    def run(self) -> Attempt:
        """Run prefill, then decode; the first that fails ends it."""
        try:
            self._test("prefill", self._prefill, prefill_of(self._cell))
            self._test("decode", self._decode, decode_of(self._cell))
        except LlamaFailed as problem:
            ending = cast(Literal["failed", "rejected"], problem.ending)
            return Attempt(ending, problem.reason)
        return Attempt("whole")

    def row(self, how: Attempt, around: Conditions) -> Repetition:
        """Return the repetition; what llama-bench cannot tell (each token's time, loading) is null."""
        row = replace(around.bare(), **self._raw())
        if how.ending != "whole":
            return replace(row, status=how.ending, reason=how.reason)
        prefill, decode = (tested.tok_per_s[0] for _, tested, _ in self._done)
        context = self._cell.depth + self._cell.prompt
        slowing = judge(row.state_before, row.state_during, self._decode.plan.threads, (), context)
        row = replace(row, **slowing._asdict())
        return replace(row, prefill_tok_per_s=prefill, decode_tok_per_s=decode)

    def interrupted(self, around: Conditions) -> Repetition:
        """Return the repetition that Ctrl-C ended."""
        return replace(around.bare(), **self._raw(), status="interrupted", reason="stopped by Ctrl-C")

    def findings(self) -> Findings:
        """Return what llama-bench says it is and ran on."""
        if not self._done:
            return Findings()
        _, row, said = self._done[0]
        build = PeerBuild(row.build_commit, row.build_number)
        isa = f" {said.isa}" if said.isa else ""
        effective = f"{row.backends}{isa} {row.model_type}, build {row.build_commit}"
        return Findings(None, effective, {"build": build, "settings": settings(row)})

    def _test(self, name: str, command: Command, test: Test) -> None:
        self._done.append((name, *self._run(command, command.test(test), test)))

    def _raw(self) -> dict[str, Any]:
        faults = [said.watched.counters.major_faults for _, _, said in self._done]
        processes = tuple(_process(*done, self._decode.peer.warmups) for done in self._done)
        return {"major_faults": sum(faults) if faults else None, "processes": processes}


def _process(name: str, row: Row, said: Said, warmups: Mapping[str, str]) -> PeerProcess:
    return PeerProcess(
        test=name,
        words=row.words,
        threads=row.n_threads,
        samples_ns=row.samples_ns,
        warmup=warmups[name],
        # Not the repetition's peak: with a depth it holds a second copy of the cache, which is llama-bench's own.
        rss_peak_bytes=said.watched.counters.VmHWM,
        major_faults=said.watched.counters.major_faults,
    )
