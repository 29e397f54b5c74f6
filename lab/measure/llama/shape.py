"""The tests of llama-bench that the cells of a plan are."""

from __future__ import annotations

from dataclasses import dataclass

from lab.measure.plan import Cell, Plan


@dataclass(frozen=True)
class Shape:
    """One test of llama-bench: `prompt` tokens, then `generate`, after `depth` that are not timed."""

    prompt: int
    generate: int
    depth: int = 0


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
