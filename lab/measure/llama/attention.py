"""Which of a peer's two attentions is faster: tried by turns, never assumed. The fastest sample of each counts.

With "auto", its default, llama.cpp takes flash attention. On CPUs that can be the slower one: on 2 cores of an AMD EPYC
(Zen 5) phi3-mini decoded at depth 512 with 11.1 tok/s with it, and with 15.4 without.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from lab.core.errors import MeasureError
from lab.formats.run.engine import FlashTried
from lab.formats.test import Test
from lab.measure.llama.call import LlamaFailed, Said, check_row
from lab.measure.llama.command import Command

DEPTH = 512  # tokens in the cache where decoding is tried, and of a prefill that is
GENERATE = 16
TURNS = ("on", "off", "off", "on")
DECODE, PREFILL = Test(0, GENERATE, DEPTH), Test(DEPTH, 0)

Tried = Mapping[str, Sequence[float]]  # "on" and "off" -> rates in tokens/s
Call = Callable[[Command, list[str]], Said]


def try_attentions(command: Command, test: Test, elements: int, call: Call) -> Tried:
    """Return how fast each goes in the test; nothing where no cell has a context to tell them apart.

    Raises:
        MeasureError: one of them gives no number.
    """
    if max(cell.depth + cell.prompt for cell in command.plan.cells) < DEPTH:
        return {}
    tried: dict[str, list[float]] = {flash: [] for flash in TURNS}
    try:
        for flash in TURNS:
            tried[flash] += _rates(replace(command, flash=flash), test, elements, call)
        return tried
    except LlamaFailed as problem:
        name = command.peer.name
        raise MeasureError(f"{name}: its attentions could not be tried: {problem.reason}") from problem


def faster(tried: Tried) -> str | None:
    """Return the attention with the fastest sample; None where none was tried."""
    return max(tried, key=lambda flash: max(tried[flash])) if tried else None


def sentence(what: str, tried: Tried) -> str:
    """Say what came of it; `what` is "decodes at depth" or "prefills"."""
    rates = ", ".join(f"{flash}: {max(rates):.1f}" for flash, rates in tried.items())
    return f"{what} {DEPTH} with flash attention {rates} tok/s"


def flash_tried(decode: Tried, prefill: Tried) -> FlashTried | None:
    """Return what was tried as records hold it, every sample in order; None where nothing was."""
    if not decode and not prefill:
        return None
    return FlashTried(
        DEPTH, *({flash: tuple(rates) for flash, rates in one.items()} or None for one in (decode, prefill))
    )


def _rates(command: Command, test: Test, elements: int, call: Call) -> list[float]:
    rows = call(command, command.test(test)).rows
    if len(rows) != 1:
        raise LlamaFailed("rejected", f"llama-bench ran {len(rows)} tests instead of 1")
    check_row(rows[0], test, command, elements)
    return rows[0].tok_per_s
