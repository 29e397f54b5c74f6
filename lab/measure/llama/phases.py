"""The tests of llama-bench that the cells of a plan are."""

from __future__ import annotations

from lab.formats.test import Test
from lab.measure.plan import Plan


def prefill_of(cell: Test) -> Test:
    """Return the test that a cell's prefill is."""
    return Test(cell.prompt, 0, cell.depth)


def decode_of(cell: Test) -> Test:
    """Return the test that a cell's decode is: its first token belongs to the prefill."""
    return Test(0, cell.generate - 1, cell.depth + cell.prompt)


def memory_of(cell: Test, plan: Plan) -> Test:
    """Return the test that fills a cell's whole context."""
    generate = min(cell.generate, plan.memory_generate)
    return Test(cell.context - generate, generate)
