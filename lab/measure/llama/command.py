"""How llama-bench is called, so that its tests are the cells that ours are."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.formats.test import Test
from lab.measure.llama import watch
from lab.measure.llama.peer import Peer
from lab.measure.plan import Plan

BATCH = 2048  # llama-bench's own default; what is computed at once is the micro-batch
KV_TYPES = {"float16": "f16", "float32": "f32"}


@dataclass(frozen=True)
class Command:
    """llama-bench on a device, with the settings of the prefills or of the decodes of a session.

    `plan` has the threads of these tests. `flash` is the attention, "on" or "off"; None leaves it to the program.
    `repack` is whether weights are repacked when they are loaded, where that can be chosen.
    """

    peer: Peer
    program: str
    gguf: str
    kv_dtype: str
    plan: Plan
    flash: str | None = None
    repack: bool = False

    @property
    def kv_type(self) -> str:
        """llama.cpp's name of the cache's element type."""
        return KV_TYPES[self.kv_dtype]

    def test(self, test: Test) -> list[str]:
        """Return the argv for one timed test."""
        return self._watched(0, [self.plan.threads], 1, self.peer.test(test))

    def memory_pass(self, test: Test) -> list[str]:
        """Return the argv for the memory pass: the whole context in one cache."""
        return self._watched(self.plan.memory_interval_ms, [self.plan.threads], 1, self.peer.whole(test))

    def probe(self, cell: Test, counts: Sequence[int], rounds: int) -> list[str]:
        """Return the argv for a short prefill and decode with each number of threads, the model loaded once."""
        return self._watched(0, counts, rounds, self.peer.test(Test(cell.prompt, cell.generate - 1)))

    def cold(self, test: Test) -> list[str]:
        """Return the argv for one test right after the start: no warm-up, and nothing that watches."""
        return self._bare([self.plan.threads], 1, [*self.peer.test(test), *self.peer.unwarmed])

    def _watched(self, interval_ms: int, threads: Sequence[int], rounds: int, test: Sequence[object]) -> list[str]:
        argv = self._bare(threads, rounds, test)
        return [sys.executable, "-I", "-S", str(Path(watch.__file__)), str(interval_ms), *argv]

    def _bare(self, threads: Sequence[int], rounds: int, test: Sequence[object]) -> list[str]:
        chunk = self.plan.measure.prefill_chunk
        shared = {
            "-m": self.gguf,
            "-r": rounds,
            "-t": ",".join(map(str, threads)),
            "-b": max(BATCH, chunk),
            "-ub": chunk,
            "-ctk": self.kv_type,
            "-ctv": self.kv_type,
            "-ngl": 0,
            **self.peer.settings(self.flash, self.repack),
        }
        return [str(word) for word in (self.program, *(one for pair in shared.items() for one in pair), *test)]
