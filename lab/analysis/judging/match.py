"""Which series of side A is held against which of side B, and what keeps them apart.

Series of one cell are told apart by the fields of their conditions. A field that differs *within* a side is one that
was varied on purpose (flash attention off and on, 1 and 4 threads): the partner has to have the same value. A field
that differs between the sides alone (a column more, another driver) is noted, and the two are compared. So nothing
depends on the order in which anything was measured.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from lab.analysis.comparable import conditions_obstacle
from lab.analysis.judging.span import Span, current
from lab.analysis.points.defaults import KNOWN
from lab.analysis.points.key import STATUS, CellKey, SeriesKey
from lab.analysis.points.named import differences, fields_of, label, tells_apart, told_apart, unlike

Places = list[int]
MANY = 100  # series of the other side among which the nearest is looked for


@dataclass(frozen=True)
class Match:
    """One cell: places of its series in `Points.keys`, None where a side has none.

    `obstacle` says why the two are kept apart, `under` what tells a series that is alone from those of the other side.
    """

    cell: CellKey
    a: int | None
    b: int | None
    obstacle: str | None = None
    under: str = ""


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
        found += _Cell(keys, before.get(cell, []), after.get(cell, []), a, b, emulated, bool(across)).matches()
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


@dataclass
class _Cell:
    """The series of one cell on both sides; `a` and `b` shrink to those without a partner."""

    keys: Sequence[SeriesKey]
    a: Places
    b: Places
    when_a: Mapping[int, Span]
    when_b: Mapping[int, Span]
    emulated: bool
    across: bool

    def matches(self) -> Iterator[Match]:
        all_a, all_b = list(self.a), list(self.b)
        now_a, now_b = current(self.a, self.when_a), current(self.b, self.when_b)
        yield from self._same()
        yield from self._by_fields(now_a, now_b)
        yield from self._by_some_fields(now_a, now_b)
        if self.across:
            yield from self._nearest()
        yield from self._kept_apart()
        yield from (self._alone("A", one, None, all_b, one in now_a) for one in self.a)
        yield from (self._alone("B", None, one, all_a, one in now_b) for one in self.b)

    def _same(self) -> Iterator[Match]:
        """Those under the very same conditions."""
        for one in list(self.a):
            alike = [other for other in self.b if self._conditions(one) == self._conditions(other)]
            if alike:
                yield self._paired(one, min(alike, key=lambda other: _unlike_cells(self.keys[one], self.keys[other])))

    def _by_fields(self, now_a: Places, now_b: Places) -> Iterator[Match]:
        """Those that agree in each field that one of the sides varies; no two of a side do."""
        names = {*unlike(map(self._conditions, now_a)), *unlike(map(self._conditions, now_b))}
        partners = {self._values(other, names): other for other in now_b if other in self.b}
        for one in [one for one in now_a if one in self.a]:
            other = partners.get(self._values(one, names))
            if other is not None and self._obstacle(one, other) is None:
                yield self._paired(one, other)

    def _by_some_fields(self, now_a: Places, now_b: Places) -> Iterator[Match]:
        """Those that agree in fields that tell each from all others of its side: cpu, which now has fewer threads."""
        pairs = [
            (one, other)
            for one in now_a
            for other in now_b
            if one in self.a and other in self.b and self._obstacle(one, other) is None
            if self._identifies(one, other, now_a) and self._identifies(other, one, now_b)
        ]
        for one, other in pairs:
            if sum(pair[0] == one or pair[1] == other for pair in pairs) == 1:
                yield self._paired(one, other)

    def _identifies(self, one: int, other: int, side: Places) -> bool:
        """Whether what both have tells `one` from all others of its side."""
        mine, theirs = (fields_of(self._conditions(place)) for place in (one, other))
        rest = (fields_of(self._conditions(each)) for each in side if each != one)
        return all(tells_apart(mine, theirs, each) for each in rest)

    def _nearest(self) -> Iterator[Match]:
        """Of sides that differ on purpose, as engines do, those that are each other's only nearest."""
        free = [(one, other) for one in self.a for other in self.b if self._obstacle(one, other) is None]
        far = {pair: self._distance(*pair) for pair in free}
        for one, other in sorted(free, key=lambda pair: far[pair]):
            rivals = [pair for pair in free if (pair[0] == one) != (pair[1] == other)]
            left = [pair for pair in rivals if pair[0] in self.a and pair[1] in self.b]
            if one in self.a and other in self.b and all(far[pair] > far[one, other] for pair in left):
                yield self._paired(one, other)

    def _kept_apart(self) -> Iterator[Match]:
        """Those that are never compared (another protocol, an emulated device), each told with its nearest."""
        apart = [(one, other) for one in self.a for other in self.b if self._obstacle(one, other) is not None]
        for _, one, other in sorted((self._distance(*pair), *pair) for pair in apart):
            if one in self.a and other in self.b:
                yield self._paired(one, other)

    def _alone(self, side: str, one: int | None, other: int | None, others: Places, now: bool) -> Match:
        place = one if one is not None else other
        assert place is not None
        key = self.keys[place]
        if not others:
            return Match(key.cell, one, other)
        near = min(others[:MANY], key=lambda each: (self._distance(place, each), self.keys[each]))
        if not now or self._is_strange(place, near):
            words = "; ".join(differences(key.conditions, self._conditions(near)))
            return Match(key.cell, one, other, f"only side {side} has it under these conditions ({words})")
        mine = told_apart([key.conditions, self._conditions(near)])[0]
        return Match(key.cell, one, other, under=label(mine))

    def _is_strange(self, one: int, other: int) -> bool:
        """Whether they differ in nothing that anybody has set as far as lab knows: unknown columns, another device.

        Then it cannot say that a test is missing: the machines of a CI service change from night to night.
        """
        conditions = self._conditions(one)
        names = {*unlike((conditions, self._conditions(other)))} - {"device", *dict(conditions.facts)}
        return not names & KNOWN.get(conditions.protocol, names)

    def _paired(self, one: int, other: int) -> Match:
        self.a.remove(one)
        self.b.remove(other)
        return Match(self.keys[other].cell, one, other, self._obstacle(one, other))

    def _conditions(self, place: int) -> Any:
        return self.keys[place].conditions

    def _values(self, place: int, names: Iterable[str]) -> tuple[str | None, ...]:
        known = fields_of(self._conditions(place))
        return tuple(known.get(name) for name in names)

    def _obstacle(self, one: int, other: int) -> str | None:
        return conditions_obstacle(self._conditions(one), self._conditions(other), emulated=self.emulated)

    def _distance(self, one: int, other: int) -> int:
        """How many fields of the conditions (and of the cell, where sides differ in them on purpose) are unlike."""
        a, b = (fields_of(self._conditions(place)) for place in (one, other))
        shared = sum(a[name] != b[name] for name in a.keys() & b.keys())
        return shared + len(a.keys() ^ b.keys()) + _unlike_cells(self.keys[one], self.keys[other])


def _unlike_cells(one: SeriesKey, other: SeriesKey) -> int:
    return sum(getattr(one.cell, each.name) != getattr(other.cell, each.name) for each in fields(CellKey))
