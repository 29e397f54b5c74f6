"""A session with llama.cpp in it: the fake runner, the fake llama-bench, a made-up GGUF."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from lab.formats.bundle import file_entry, write_manifest
from lab.formats.manifest import GgufManifest
from lab.formats.run_record import RunRecord, TimesRecord
from lab.measure.engine import Setup
from lab.measure.llama.engine import LlamaSetup
from lab.measure.llama.peers import PEERS
from lab.measure.runner.setup import RunnerSetup
from lab.measure.session import measure_engines
from tests.measure.bench import Bench, start_of
from tests.measure.samples import TARGET, bundle, manifest

FAKE = Path(__file__).with_name("fake_llama_bench.py")
ELEMENTS = 12345


@dataclass
class Peers:
    """What a test changes before `run`, and reads after it. `bench` has the plan and the device."""

    bench: Bench
    faults: dict[str, str] = field(default_factory=dict)
    elements: int = ELEMENTS
    names: tuple[str, ...] = ("tvm", "llama.cpp")
    find_threads: bool = False
    disturbed_by: str = ""
    flash: str = "on"  # which attention of llama-bench is the faster one
    speeds: dict[str, float] = field(default_factory=dict)  # how much faster each variant of ik_llama.cpp is
    types: tuple[str, ...] = ("q4_0", "iq4_xs")  # that it gets a file of

    @property
    def log(self) -> Path:
        return self.bench.folder / "llama-calls"

    def calls(self) -> list[list[str]]:
        """Return the words of every call of llama-bench, in order."""
        return [json.loads(line) for line in self.log.read_text().splitlines()] if self.log.exists() else []

    def run(self, **changes: Any) -> tuple[RunRecord, ...]:
        bench = self.bench
        bench.plan = bench.plan.changed(**changes)
        runner = bench.runner()
        return measure_engines(
            bench.device,
            [self.setup(name) for name in self.names],
            bench.plan,
            bench.progress,
            runner,
            find_threads=self.find_threads,
            said={"disturbed_by": self.disturbed_by} if self.disturbed_by else {},
            clock=bench.time.clock,
        )

    def setup(self, name: str) -> Setup:
        bench, times = self.bench, TimesRecord(convert=2.0)
        if name in PEERS:
            types = self.types if PEERS[name].has_variants else self.types[:1]
            folders = [gguf(bench.folder / "gguf" / one, one) for one in types]
            return LlamaSetup(PEERS[name], self.program(name), folders, TARGET, bench.progress, times)
        folder = bundle(bench.folder / "bundle", **bench.blocks)
        return RunnerSetup(folder, TARGET, bench.runner(), bench.progress, times)

    def program(self, name: str = "llama.cpp") -> Path:
        script = self.bench.folder / f"{name}.json"
        of = {"log": str(self.log), "faults": self.faults, "elements": self.elements, "flash": self.flash}
        script.write_text(json.dumps({**of, "name": name, "speeds": self.speeds}))
        program = self.bench.folder / PEERS[name].program
        words = start_of(FAKE, script)
        program.write_text(f'#!/bin/sh\nexec {words} "$@"\n')
        program.chmod(0o755)
        return program


def gguf(folder: Path, kind: str = "q4_0") -> Path:
    """Write a GGUF folder of 4096 bytes that nobody reads as such; the fake reads its first bytes as its type."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.gguf").write_bytes(kind.encode().ljust(4096, b"\3"))
    sample = manifest()
    write_manifest(
        folder,
        GgufManifest(
            schema=1,
            kind="gguf",
            key=hashlib.sha256(kind.encode()).hexdigest(),
            created_at="2026-01-02T03:04:05Z",
            model=sample.model,
            weights=replace(sample.weights, layout=f"gguf-{kind}"),
            files=(file_entry(folder / "model.gguf"),),
            memory=sample.memory,
            decode_weight_bytes_per_token=3000,
            elements=ELEMENTS,
        ),
    )
    return folder
