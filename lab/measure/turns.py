"""The plan of turns, and a line for each: cells take turns, and engines within them, so that drift is shared."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lab.formats.run_record import Repetition
from lab.formats.test import Test


@dataclass(frozen=True)
class Turn:
    """Engine and cell by their numbers, and which repetition of that pair it is."""

    engine: int
    cell: int
    index: int


def turns(engines: int, cells: int, repeats: int, begun: int = 0) -> Iterator[Turn]:
    """Yield every repetition once, in order; two engines go A B, then B A, in each cell and from cell to cell.

    The first `begun` of the repetitions are behind us.
    """
    for index in range(begun, repeats):
        for cell in range(cells):
            forward = range(engines)
            for engine in forward if (index + cell) % 2 == 0 else reversed(forward):
                yield Turn(engine, cell, index)


def progress_line(cell: Test, row: Repetition, repeats: int) -> str:
    """Say how a repetition went: `pp512+tg128 3/5: prefill 35.2 tok/s, decode 14.1 tok/s`."""
    place = f"{cell.label} {row.index + 1}/{repeats}"
    if row.status != "ok":
        return f"{place}: {row.status}: {row.reason}"
    numbers = f"{place}: prefill {row.prefill_tok_per_s:.1f} tok/s, decode {row.decode_tok_per_s:.1f} tok/s"
    return numbers + "".join(f" ({mark})" for mark in _marks(row))


def _marks(row: Repetition) -> list[str]:
    marks = [] if row.gate is None or row.gate.kept else [row.gate.reason or "gate not kept"]
    marks += ["warm-up not stable"] if row.warmup is not None and not row.warmup.stable else []
    marks += ["throttled"] if row.throttled else []
    if row.cpu_quota is None or not row.cpu_quota.throttled_periods:
        return marks
    stopped, periods = row.cpu_quota.throttled_periods, row.cpu_quota.periods
    return [*marks, f"stopped by the CPU quota in {stopped} of {periods} periods"]
