"""Which series of side A is held against which of side B, and what keeps them apart.

Series of one cell are told apart by the fields of their conditions. A field that differs *within* a side is one that
was varied on purpose (flash attention off and on, 1 and 4 threads): the partner has to have the same value. A field
that differs between the sides alone (a column more, another driver) is noted, and the two are compared. So nothing
depends on the order in which anything was measured.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from lab.analysis.judging.pairing import Match, Pairing, Places
from lab.analysis.judging.span import Span
from lab.analysis.points.key import STATUS, CellKey, SeriesKey

__all__ = ["Match", "base_of", "match"]


def match(
    keys: Sequence[SeriesKey],
    a: Mapping[int, Span],
    b: Mapping[int, Span],
    across: Sequence[str] = (),
    *,
    emulated: bool = False,
) -> list[Match]:
    """Pair the series `a` and `b` (places in `keys`, each with when its side measured it) cell by cell.

    A series is used once, and two series are never merged. What stays alone is missing or new, or not comparable where
    it ended before its own side's others began: conditions that changed within a side.
    """
    before, after = (_by_cell(keys, side, across) for side in (a, b))
    found: list[Match] = []
    for cell in dict.fromkeys([*before, *after]):
        found += Pairing(keys, before.get(cell, []), after.get(cell, []), a, b, emulated, bool(across)).matches()
    return found


def base_of(key: SeriesKey) -> SeriesKey:
    """Return the series of the whole cell (its STATUS) that a metric's series belongs to."""
    conditions = replace(key.conditions, counter="") if key.conditions.counter else key.conditions
    return SeriesKey(replace(key.cell, metric=STATUS), conditions)


def _by_cell(keys: Sequence[SeriesKey], side: Iterable[int], across: Sequence[str]) -> dict[CellKey, Places]:
    blank: Mapping[str, Any] = {name: type(getattr(keys[0].cell, name))() for name in across} if keys else {}
    cells: dict[CellKey, Places] = {}
    for place in side:
        cell = keys[place].cell
        cells.setdefault(replace(cell, **blank) if blank else cell, []).append(place)
    return cells
