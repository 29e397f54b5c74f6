"""Which of llama.cpp's two attentions decodes faster: tried, never assumed.

With "auto", its default, llama.cpp takes flash attention. On CPUs that can be the slower one: on 2 cores of an AMD EPYC
(Zen 5) phi3-mini decoded at depth 512 with 11.1 tok/s with it, and with 15.4 without.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Any

from lab.core.errors import MeasureError
from lab.measure.llama.call import LlamaFailed, Said, check_row
from lab.measure.llama.words import Command, Shape

DEPTH = 512  # tokens in the cache where they are tried
GENERATE = 16
ROUNDS = 2

Tried = Mapping[str, Sequence[float]]  # "on" and "off" -> decode rates in tokens/s


def try_attentions(command: Command, elements: int, call: Callable[[list[str]], Said]) -> Tried:
    """Return what each decodes with; nothing where no cell has a context to tell them apart.

    Raises:
        MeasureError: one of them gives no number.
    """
    if max(cell.depth + cell.prompt for cell in command.plan.cells) < DEPTH:
        return {}
    try:
        return {flash: _rates(command, flash, elements, call) for flash in ("on", "off")}
    except LlamaFailed as problem:
        raise MeasureError(f"llama.cpp: its attentions could not be tried: {problem.reason}") from problem


def faster(tried: Tried) -> str | None:
    """Return the attention with the higher median; None where none was tried."""
    return max(tried, key=lambda flash: median(tried[flash])) if tried else None


def words(tried: Tried) -> str:
    """Say what came of it."""
    rates = ", ".join(f"{flash}: {median(rates):.1f}" for flash, rates in tried.items())
    return f"decodes at depth {DEPTH} with flash attention {rates} tok/s"


def flash_block(tried: Tried) -> dict[str, Any]:
    """Return the key that an engine block gets where attentions were tried: every sample, in order."""
    rates = {flash: list(samples) for flash, samples in tried.items()}
    return {"flash_tried": {"depth": DEPTH, "decode_tok_per_s": rates}} if tried else {}


def _rates(command: Command, flash: str, elements: int, call: Callable[[list[str]], Said]) -> list[float]:
    shape = Shape(0, GENERATE, DEPTH)
    rows = call(command.attention_probe(shape, flash, ROUNDS)).rows
    if len(rows) != 1:
        raise LlamaFailed("rejected", f"llama-bench ran {len(rows)} tests instead of 1")
    check_row(rows[0], shape, command, elements, command.plan.threads, ROUNDS)
    return rows[0].tok_per_s
