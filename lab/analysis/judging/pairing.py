"""The series of one cell on two sides: which is held against which, and why what is left alone is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields

from lab.analysis.comparable import conditions_obstacle
from lab.analysis.judging.span import Span, current
from lab.analysis.points.defaults import is_known
from lab.analysis.points.key import CellKey, Conditions, SeriesKey
from lab.analysis.points.named import changes, fields_of, label, tells_apart, told_apart, unlike

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


@dataclass
class Pairing:
    """The series of one cell on both sides; `a` and `b` shrink to those without a partner.

    `known` are the fields in which any of them differ, by series.
    """

    keys: Sequence[SeriesKey]
    a: Places
    b: Places
    when_a: Mapping[int, Span]
    when_b: Mapping[int, Span]
    emulated: bool
    across: bool
    known: dict[int, dict[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        every = dict.fromkeys([*self.a, *self.b])
        names = frozenset(unlike(map(self._conditions, every)))
        for place in every:
            told = fields_of(self._conditions(place))
            self.known[place] = {name: told[name] for name in told.keys() & names}

    def matches(self) -> Iterator[Match]:
        """Yield each series once, with its partner or alone."""
        all_a, all_b = list(self.a), list(self.b)
        now_a, now_b = current(self.a, self.when_a), current(self.b, self.when_b)
        yield from self._same()
        for side_a, side_b in (
            (all_a, all_b),
            (now_a, now_b),
        ):  # what ended within a side may have its like, and may not
            yield from self._by_fields(side_a, side_b)
            yield from self._by_some_fields(side_a, side_b)
        if self.across:
            yield from self._nearest()
        yield from self._kept_apart()
        yield from (self._alone("baseline", one, None, all_b, one in now_a) for one in self.a)
        yield from (self._alone("candidate", None, one, all_a, one in now_b) for one in self.b)

    def _same(self) -> Iterator[Match]:
        """Those under the very same conditions."""
        by_conditions: dict[Conditions, Places] = {}
        for other in self.b:
            by_conditions.setdefault(self._conditions(other), []).append(other)
        for one in list(self.a):
            alike = [other for other in by_conditions.get(self._conditions(one), []) if other in self.b]
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
        rest = (self.known[each] for each in side if each != one)
        return all(tells_apart(self.known[one], self.known[other], each) for each in rest)

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
        for one, other in sorted(apart, key=lambda pair: (self._distance(*pair), sorted(self.keys[at] for at in pair))):
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
            pair = (key.conditions, self._conditions(near))
            text = "; ".join(changes(*pair) if side == "baseline" else changes(*reversed(pair)))
            return Match(key.cell, one, other, f"only the {side} has it under these conditions ({text})")
        mine = told_apart([key.conditions, self._conditions(near)])[0]
        return Match(key.cell, one, other, under=label(mine))

    def _is_strange(self, one: int, other: int) -> bool:
        """Whether they differ in nothing that anybody has set as far as lab knows: unknown columns, another device.

        Then it cannot say that a test is missing: the machines of a CI service change from night to night.
        """
        conditions = self._conditions(one)
        names = {*unlike((conditions, self._conditions(other)))} - {"device", *dict(conditions.facts)}
        return not any(is_known(conditions.protocol, name) for name in names)

    def _paired(self, one: int, other: int) -> Match:
        self.a.remove(one)
        self.b.remove(other)
        return Match(self.keys[other].cell, one, other, self._obstacle(one, other))

    def _conditions(self, place: int) -> Conditions:
        return self.keys[place].conditions

    def _values(self, place: int, names: Iterable[str]) -> tuple[str | None, ...]:
        return tuple(self.known[place].get(name) for name in names)

    def _obstacle(self, one: int, other: int) -> str | None:
        return conditions_obstacle(self._conditions(one), self._conditions(other), emulated=self.emulated)

    def _distance(self, one: int, other: int) -> int:
        """How many fields of the conditions (and of the cell, where sides differ in them on purpose) are unlike."""
        a, b = self.known[one], self.known[other]
        shared = sum(a[name] != b[name] for name in a.keys() & b.keys())
        return shared + len(a.keys() ^ b.keys()) + _unlike_cells(self.keys[one], self.keys[other])


def _unlike_cells(one: SeriesKey, other: SeriesKey) -> int:
    return sum(getattr(one.cell, each.name) != getattr(other.cell, each.name) for each in fields(CellKey))
