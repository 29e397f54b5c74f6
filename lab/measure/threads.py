"""How many threads an engine decodes fastest with: tried, never assumed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import median
from typing import Literal

from lab.core.progress import Progress
from lab.formats.run.engine import ThreadRates, ThreadsTried
from lab.formats.test import Test
from lab.measure.engine import Engine, Rate

What = Literal["prefill", "decode"]
PROBE = Test(prompt=32, generate=17)
EVERY_COUNT = 8  # up to as many cores each count is tried; beyond, doubling and the last two


def settle_threads(engine: Engine, cores: int, progress: Progress) -> Engine:
    """Return the engine with the number of threads, of 1 to `cores`, that decoded fastest in a short probe.

    Raises:
        MeasureError: the engine gives no number at all.
    """
    with progress.phase(f"{engine.name}: threads"):
        rates = engine.rates(counts_to_try(cores), PROBE)
    best = best_threads(rates, "decode")
    whats: tuple[What, ...] = ("decode", "prefill")
    for what in whats:
        words = ", ".join(f"{threads}: {median(found):.1f}" for threads, found in samples(rates, what).items())
        fastest = best_threads(rates, what)
        progress.note(f"{engine.name}: {what}s fastest with {fastest} of {cores} threads ({words} tok/s)")
    return engine.with_threads(best, rates)


def counts_to_try(cores: int) -> list[int]:
    """Return the numbers of threads to try, ascending."""
    if cores <= EVERY_COUNT:
        return list(range(1, max(cores, 1) + 1))
    doubling = [1 << power for power in range(cores.bit_length()) if 1 << power < cores]
    return sorted({*doubling, cores - 1, cores})


def best_threads(rates: Iterable[Rate], what: What) -> int:
    """Return the count with the highest median rate; of equals the smallest."""
    found = samples(rates, what)
    return max(sorted(found), key=lambda threads: median(found[threads]))


def samples(rates: Iterable[Rate], what: What) -> dict[int, list[float]]:
    """Return the rates by number of threads, ascending; those of one count in the order they were taken."""
    found: dict[int, list[float]] = {}
    for rate in sorted(rates, key=lambda rate: rate.threads):
        value = rate.decode_tok_per_s if what == "decode" else rate.prefill_tok_per_s
        if value is not None:
            found.setdefault(rate.threads, []).append(value)
    return found


def threads_tried(rates: Sequence[Rate]) -> ThreadsTried | None:
    """Return the probe as records hold it, every sample in order; None where no threads were tried."""
    if not rates:
        return None
    prefills, decodes = samples(rates, "prefill"), samples(rates, "decode")
    counts = tuple(ThreadRates(count, tuple(prefills[count]), tuple(decodes[count])) for count in decodes)
    return ThreadsTried(PROBE.prompt, PROBE.generate, counts)
