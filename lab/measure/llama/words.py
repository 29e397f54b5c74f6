"""How llama-bench is called, so that its tests are the cells that ours are."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.measure.llama import watch
from lab.measure.plan import Cell, Plan

BATCH = 2048  # llama-bench's own default; what is computed at once is the micro-batch
KV_TYPES = {"float16": "f16", "float32": "f32"}


@dataclass(frozen=True)
class Shape:
    """One test of llama-bench: `prompt` tokens, then `generate`, after `depth` that are not timed."""

    prompt: int
    generate: int
    depth: int = 0


@dataclass(frozen=True)
class Command:
    """llama-bench on a device, with the settings that all calls of a session share.

    `prefill_threads` is for the prefill alone, as `-tb` is for llama.cpp's users; None: the plan's. `flash` is the
    attention that decodes, "on" or "off"; None leaves it to llama.cpp, as the prefill always does.
    """

    program: str
    gguf: str
    kv_dtype: str
    plan: Plan
    prefill_threads: int | None = None
    flash: str | None = None

    @property
    def kv_type(self) -> str:
        """llama.cpp's name of the cache's element type."""
        return KV_TYPES[self.kv_dtype]

    def threads_of(self, shape: Shape) -> int:
        """Return the threads that a test runs with."""
        return self.plan.threads if shape.generate else self.prefill_threads or self.plan.threads

    def prefill(self, cell: Cell) -> list[str]:
        """Return the words for the timed prefill of a cell."""
        return self._watched(
            0, [self.threads_of(prefill_shape(cell))], 1, ["-p", cell.prompt, "-n", 0, "-d", cell.depth]
        )

    def decode(self, cell: Cell) -> list[str]:
        """Return the words for the timed decode: the steps after the first token, on what the cache then holds."""
        shape = decode_shape(cell)
        return self._watched(0, [self.plan.threads], 1, [*self._tokens(shape), *self._flash(self.flash)])

    def memory_pass(self, cell: Cell) -> list[str]:
        """Return the words for the memory pass: the whole context in one cache.

        Not by depth: llama-bench keeps a copy of the cache for each depth, which no user of llama.cpp has.
        """
        shape = memory_shape(cell, self.plan)
        test = ["-p", 0, "-n", 0, "-pg", f"{shape.prompt},{shape.generate}", "--no-warmup"]
        return self._watched(self.plan.memory_interval_ms, [self.plan.threads], 1, test)

    def probe(self, cell: Cell, counts: Sequence[int], rounds: int) -> list[str]:
        """Return the words for a short prefill and decode with each number of threads, the model loaded once."""
        return self._watched(0, counts, rounds, ["-p", cell.prompt, "-n", cell.generate - 1, "-d", 0])

    def attention_probe(self, shape: Shape, flash: str, rounds: int) -> list[str]:
        """Return the words for a short decode of `shape` with flash attention "on" or "off"."""
        return self._watched(0, [self.plan.threads], rounds, [*self._tokens(shape), *self._flash(flash)])

    def _tokens(self, shape: Shape) -> list[object]:
        return ["-p", 0, "-n", shape.generate, "-d", shape.depth]

    def _flash(self, wanted: str | None) -> list[object]:
        return [] if wanted is None else ["-fa", wanted]

    def _watched(self, interval_ms: int, threads: Sequence[int], rounds: int, test: Sequence[object]) -> list[str]:
        chunk = self.plan.prefill_chunk
        shared = {
            "-m": self.gguf,
            "-o": "jsonl",
            "-r": rounds,
            "-t": ",".join(map(str, threads)),
            "-b": max(BATCH, chunk),
            "-ub": chunk,
            "-ctk": self.kv_type,
            "-ctv": self.kv_type,
            "-ngl": 0,
            "-dev": "none",
        }
        words = [self.program, *(word for pair in shared.items() for word in pair), *test]
        return [sys.executable, "-I", "-S", str(Path(watch.__file__)), str(interval_ms), *map(str, words)]


def prefill_shape(cell: Cell) -> Shape:
    """Return the test that a cell's prefill is."""
    return Shape(cell.prompt, 0, cell.depth)


def decode_shape(cell: Cell) -> Shape:
    """Return the test that a cell's decode is: its first token belongs to the prefill."""
    return Shape(0, cell.generate - 1, cell.depth + cell.prompt)


def memory_shape(cell: Cell, plan: Plan) -> Shape:
    """Return the test that fills a cell's whole context."""
    generate = min(cell.generate, plan.memory_generate)
    return Shape(cell.context - generate, generate)
