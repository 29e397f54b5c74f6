"""The places of a board: a cell under conditions that set it apart from its siblings is a place of its own.

Series of one cell that are measured side by side (backends, numbers of threads, settings) are siblings, and each is a
line with a name. A series that took over from another one (a column more, another driver) is the same line, which has
a seam there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from lab.analysis.comparable import conditions_obstacle
from lab.analysis.judging.match import base_of
from lab.analysis.judging.span import Span, spans
from lab.analysis.points.key import STATUS, CellKey, Conditions, SeriesKey
from lab.analysis.points.named import ABSENT, fields_of, label, unlike
from lab.analysis.points.table import Points
from lab.core.text import printable

PLAIN = "backend"  # its values say themselves what they are
SPELT = {("emulated", "0"): "real", ("emulated", "1"): "emulated"}


@dataclass(frozen=True, order=True)
class Line:
    """One metric of a place. `under` names what sets it apart from its siblings, "" where there are none."""

    cell: CellKey
    under: str = ""

    @property
    def base(self) -> Line:
        """The place itself, without the metric."""
        return replace(self, cell=replace(self.cell, metric=STATUS))


def lines_of(points: Points) -> list[Line]:
    """Return the line of each of `points.keys` [K]."""
    when = spans(points, np.ones(len(points), np.bool_))
    cells: dict[CellKey, dict[Conditions, Span]] = {}
    for place, span in when.items():
        base = base_of(points.keys[place])
        of = cells.setdefault(base.cell, {})
        of[base.conditions] = _joined(of.get(base.conditions), span)
    chains = {cell: _chains(list(of), of) for cell, of in cells.items()}
    under = dict(_named(chains))
    return [Line(key.cell, under.get(base_of(key), "")) for key in points.keys]


def _joined(one: Span | None, other: Span) -> Span:
    if one is None:
        return other
    return Span(min(one.first, other.first), max(one.last, other.last), max(one.sessions, other.sessions))


def _chains(series: Sequence[Conditions], when: Mapping[Conditions, Span]) -> list[list[Conditions]]:
    """The series of one cell in chains, oldest first: each goes on from the nearest that had ended when it began."""
    chains: list[list[Conditions]] = []
    for one in sorted(series, key=lambda each: (when[each], each)):
        ended = [chain for chain in chains if _took_over(one, chain[-1], when)]
        near = sorted(ended, key=lambda chain: (_distance(one, chain[-1]), -when[chain[-1]].last))
        found = next((chain for chain in near if not _nearer(one, chain[-1], series, when)), None)
        if found is None:
            chains.append([one])
        else:
            found.append(one)
    return chains


def _nearer(one: Conditions, old: Conditions, series: Sequence[Conditions], when: Mapping[Conditions, Span]) -> bool:
    """Whether one that was measured beside `one` is nearer to what had ended."""
    beside = (each for each in series if each != one and _overlap(when[each], when[one]))
    return any(_took_over(each, old, when) and _distance(each, old) < _distance(one, old) for each in beside)


def _overlap(one: Span, other: Span) -> bool:
    return one.first <= other.last and other.first <= one.last


def _took_over(new: Conditions, old: Conditions, when: Mapping[Conditions, Span]) -> bool:
    """Whether `new` began when `old` had ended; of two single sessions one is always the later one."""
    later = when[new].first > when[old].last and max(when[new].sessions, when[old].sessions) > 1
    return later and conditions_obstacle(old, new, emulated=True) is None


def _distance(one: Conditions, other: Conditions) -> int:
    a, b = fields_of(one), fields_of(other)
    return sum(a.get(name) != b.get(name) for name in a.keys() | b.keys())


def _named(chains: Mapping[CellKey, list[list[Conditions]]]) -> Iterator[tuple[SeriesKey, str]]:
    """The name of every series that has siblings somewhere on its target and engine.

    The fields are those of all cells there, so that a place has the same name in every test and model.
    """
    groups: dict[tuple[str, str], list[CellKey]] = {}
    for cell in chains:
        groups.setdefault((cell.target, cell.engine), []).append(cell)
    for cells in groups.values():
        names = fewest([[chain[-1] for chain in chains[cell]] for cell in cells])
        for cell in cells:
            met: Counter[str] = Counter()
            for chain in chains[cell]:
                met[text := name_of(chain[-1], names)] += 1
                text += f" ({met[text]})" * (met[text] > 1)  # names that are too long to tell them apart
                yield from ((SeriesKey(cell, conditions), text) for conditions in chain)


def fewest(siblings: Sequence[Sequence[Conditions]]) -> tuple[str, ...]:
    """Return names of fields that tell apart the conditions within each of the lists: none that others do without."""
    chosen: tuple[str, ...] = ()
    every = [[fields_of(one) for one in several] for several in siblings if len(several) > 1]
    for name in dict.fromkeys(name for several in siblings if len(several) > 1 for name in unlike(several)):
        if _apart(every, (*chosen, name)) > _apart(every, chosen):
            chosen = (*chosen, name)
    for name in chosen:
        fewer = tuple(one for one in chosen if one != name)
        chosen = fewer if _apart(every, fewer) == _apart(every, chosen) else chosen
    return chosen


def _apart(every: Iterable[Sequence[Mapping[str, str]]], names: Sequence[str]) -> int:
    return sum(len({tuple(fields.get(name) for name in names) for fields in several}) for several in every)


def name_of(conditions: Conditions, names: Iterable[str]) -> str:
    """Return the values of the fields as a row says them: opencl threads=4."""
    known = fields_of(conditions)
    parts = [(name, known.get(name, ABSENT)) for name in names]
    return " ".join(SPELT.get(part) or (printable(part[1]) if part[0] == PLAIN else label((part,))) for part in parts)


def seams(keys: Sequence[SeriesKey], series: Sequence[int]) -> list[int]:
    """Return the places in `series` [H], a history by its places in `keys`, at which conditions changed."""
    return [at for at, (one, other) in enumerate(pairwise(series), 1) if keys[one] != keys[other]]
