"""Who is measured when: cells take turns, and engines do within each, so that drift falls on all alike."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


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
