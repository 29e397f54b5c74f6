"""The places of a board: a cell under conditions that set it apart from its siblings is a place of its own.

Series of one cell that are measured side by side (backends, numbers of threads, settings) are siblings, and each is a
line with a name. A series that took over from another one (a column more, another driver) is the same line, which has
a seam there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from lab.analysis.boards.joined import places_of
from lab.analysis.points.key import STATUS, CellKey, Conditions, SeriesKey, cell_series
from lab.analysis.points.named import ABSENT, SHOWN, fields_of, label, unlike
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
    under = dict(_named(places_of(points)))
    return [Line(key.cell, under.get(cell_series(key), "")) for key in points.keys]


def _named(places: Mapping[CellKey, list[list[Conditions]]]) -> Iterator[tuple[SeriesKey, str]]:
    """The name of every series that has siblings somewhere on its target and engine.

    The fields are those of all cells there, so that a place has the same name in every test and model.
    """
    groups: dict[tuple[str, str], list[CellKey]] = {}
    for cell in places:
        groups.setdefault((cell.target, cell.engine), []).append(cell)
    for cells in groups.values():
        names = fewest([[place[-1] for place in places[cell]] for cell in cells])
        for cell in cells:
            met: Counter[str] = Counter()
            for place in places[cell]:
                met[text := name_of(place[-1], names)] += 1
                text += f" ({met[text]})" * (met[text] > 1)  # names that are too long to tell them apart
                yield from ((SeriesKey(cell, conditions), text) for conditions in place)


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


def name_of(conditions: Conditions, names: Sequence[str]) -> str:
    """Return the values of the fields as a row says them: opencl threads=4.

    Of a field in an object, effective_init_params.n_batch, the last part will do where it is the only one of that name.
    """
    known = fields_of(conditions)
    short = Counter(_last(name) for name in names)
    parts = [(name, _last(name) if short[_last(name)] == 1 else name, known.get(name, ABSENT)) for name in names]
    return " ".join(_part(*one) for one in parts)


def _last(name: str) -> str:
    return name.rpartition(".")[2] or name


def _part(name: str, shown: str, text: str) -> str:
    if name == PLAIN:
        return printable(text, SHOWN) or "unknown"
    return SPELT.get((name, text)) or label(((shown, text),))
