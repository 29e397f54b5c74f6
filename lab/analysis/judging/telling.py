"""What tells the rows of one cell apart, where a side measured it under several conditions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lab.analysis.judging.match import Match
from lab.analysis.points.key import CellKey, Conditions, Fields, SeriesKey
from lab.analysis.points.named import ABSENT, fields_of, unlike


def settings_of(keys: Sequence[SeriesKey], found: Sequence[Match]) -> dict[Match, Fields]:
    """Return for each match the fields in which those of its cell differ; none where a cell has one row.

    What differs between the sides alone is no part of it: notes say that.
    """
    cells: dict[CellKey, list[Match]] = {}
    for each in found:
        cells.setdefault(each.cell, []).append(each)
    return {each: fields for group in cells.values() for each, fields in _told(keys, group)}


def _told(keys: Sequence[SeriesKey], group: Sequence[Match]) -> Iterator[tuple[Match, Fields]]:
    names: tuple[str, ...] = ()
    if len(group) > 1:
        sides = ([each.a for each in group], [each.b for each in group])
        within = [unlike(keys[place].conditions for place in side if place is not None) for side in sides]
        names = tuple(dict.fromkeys(name for side in within for name in side))
        names = names or unlike(_shown(keys, each) for each in group)
    for each in group:
        fields = fields_of(_shown(keys, each))
        yield each, tuple((name, fields.get(name, ABSENT)) for name in names)


def _shown(keys: Sequence[SeriesKey], each: Match) -> Conditions:
    place = each.b if each.b is not None else each.a
    assert place is not None  # a match has one side at the least
    return keys[place].conditions
