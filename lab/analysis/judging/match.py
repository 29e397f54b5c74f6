"""Which series of side A is held against which of side B, and what keeps them apart."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from lab.analysis.comparable import conditions_obstacle
from lab.analysis.points.key import STATUS, CellKey, Conditions, SeriesKey
from lab.core.text import said

# What may differ between two sides without keeping them apart: the reader is told.
NOTED = ("device", "effective", "threads", "settings", "synthetic")


@dataclass(frozen=True)
class Match:
    """One cell: places of its series in `Points.keys` (None where a side has none), and why they are kept apart."""

    cell: CellKey
    a: int | None
    b: int | None
    obstacle: str | None = None


def match(
    keys: Sequence[SeriesKey], a: Iterable[int], b: Iterable[int], across: Sequence[str], *, emulated: bool
) -> list[Match]:
    """Pair the series `a` and `b` (places in `keys`) cell by cell: the same conditions first, then the nearest ones.

    A series is used once, and two series are never merged. What stays alone has nothing on the other side, or only
    what is not comparable with it.
    """
    before, after = (_by_cell(keys, side, across) for side in (a, b))
    found: list[Match] = []
    for cell in dict.fromkeys([*before, *after]):
        found += _match_cell(keys, before.get(cell, []), after.get(cell, []), emulated)
    return found


def _by_cell(keys: Sequence[SeriesKey], side: Iterable[int], across: Sequence[str]) -> dict[CellKey, list[int]]:
    blank: Mapping[str, Any] = {name: type(getattr(keys[0].cell, name))() for name in across} if keys else {}
    cells: dict[CellKey, list[int]] = {}
    for place in side:
        cell = keys[place].cell
        cells.setdefault(replace(cell, **blank) if blank else cell, []).append(place)
    return cells


def _match_cell(keys: Sequence[SeriesKey], a: list[int], b: list[int], emulated: bool) -> Iterator[Match]:
    near = [(one, other) for _, one, other in sorted((_distance(keys[x], keys[y]), x, y) for x in a for y in b)]
    why = {pair: conditions_obstacle(*(keys[each].conditions for each in pair), emulated=emulated) for pair in near}
    left_a, left_b = dict.fromkeys(a), dict.fromkeys(b)
    for one, other in sorted(near, key=lambda pair: why[pair] is not None):  # stable: nearest first in each half
        if one in left_a and other in left_b:
            del left_a[one], left_b[other]
            yield Match(keys[other].cell, one, other, why[one, other])
    for one in left_a:
        yield Match(keys[one].cell, one, None, _only("A", keys[one], [keys[other] for other in b]))
    for other in left_b:
        yield Match(keys[other].cell, None, other, _only("B", keys[other], [keys[one] for one in a]))


def _only(side: str, key: SeriesKey, others: list[SeriesKey]) -> str | None:
    """Why one of several series of a cell found no partner; None where the other side has nothing of the cell."""
    if not others:
        return None
    nearest = min(others, key=lambda other: _distance(key, other))
    words = differences(key.conditions, nearest.conditions)
    return f"only side {side} has it under these conditions ({'; '.join(words)})"


def _distance(one: SeriesKey, other: SeriesKey) -> int:
    """How many conditions (and fields of the cell, where sides differ in them on purpose) are not the same."""
    return _unlike(CellKey, one.cell, other.cell) + _unlike(Conditions, one.conditions, other.conditions)


def _unlike(of: type[CellKey] | type[Conditions], one: object, other: object) -> int:
    return sum(1 for field in fields(of) if getattr(one, field.name) != getattr(other, field.name))


def differences(a: Conditions, b: Conditions) -> tuple[str, ...]:
    """Say what differs between two conditions that may be compared."""
    return tuple(_difference(name, a, b) for name in NOTED if getattr(a, name) != getattr(b, name))


def _difference(name: str, a: Conditions, b: Conditions) -> str:
    one, other = getattr(a, name), getattr(b, name)
    if name == "synthetic":
        words = {True: "synthetic", False: "real"}
        return f"weights: {words[one]} against {words[other]}, which matters for accuracy and not for speed"
    if name == "device":
        one, other = one[:8], other[:8]
    return f"{name}: {said(one) or 'unknown'} against {said(other) or 'unknown'}"


def base_of(key: SeriesKey) -> SeriesKey:
    """Return the series of the whole cell (its STATUS) that a metric's series belongs to."""
    conditions = replace(key.conditions, counter="") if key.conditions.counter else key.conditions
    return SeriesKey(replace(key.cell, metric=STATUS), conditions)
