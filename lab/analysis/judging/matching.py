"""Which series of side A is compared with which of side B, and a verdict on all that cannot be compared.

Series of one cell are told apart by the fields of their conditions. A field that differs *within* a side is one that
was varied on purpose (flash attention off and on, 1 and 4 threads): the partner has to have the same value. A field
that differs between the sides alone (a column more, another driver) is noted, and the two are compared. So nothing
depends on the order in which anything was measured.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lab.analysis.comparable import rules_obstacle
from lab.analysis.judging.cells import Outcomes, cell_verdict, outcomes
from lab.analysis.judging.numbers import in_side
from lab.analysis.judging.pairing import Match, Pairing, Places
from lab.analysis.judging.sides import Policy, Side
from lab.analysis.judging.span import Span, spans
from lab.analysis.judging.verdict import Verdict
from lab.analysis.points.key import STATUS, CellKey, Conditions, Fields, SeriesKey, cell_series
from lab.analysis.points.named import ABSENT, fields_of, unlike
from lab.analysis.points.table import Points
from lab.core.text import said

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Pair:
    """One metric of one cell that both sides measured: places in `Points.keys`."""

    a: int
    b: int
    settings: Fields = ()


@dataclass(frozen=True)
class Matched:
    """What is left to weigh (`pairs`), and what is said already. The masks are the points of each side. [N]"""

    matches: tuple[Match, ...]
    pairs: tuple[Pair, ...]
    said: tuple[Verdict, ...]
    mask_a: Mask
    mask_b: Mask

    def groups(self, points: Points) -> NDArray[np.int64]:
        """Return a number for each pair that those of its target and metric share. [M]"""
        cells = [points.keys[pair.b].cell for pair in self.pairs]
        names = {name: place for place, name in enumerate(dict.fromkeys((cell.target, cell.metric) for cell in cells))}
        return np.array([names[cell.target, cell.metric] for cell in cells], np.int64)


def matched(points: Points, a: Side, b: Side, policy: Policy) -> Matched:
    """Match the sides cell by cell and metric by metric."""
    mask_a, mask_b = in_side(points, a), in_side(points, b)
    bases = [key.cell.metric == STATUS for key in points.keys]
    present = [spans(points, mask) for mask in (mask_a, mask_b)]
    before, after = ({code: when for code, when in side.items() if bases[code]} for side in present)
    found = match(points.keys, before, after, policy.across, emulated=policy.emulated)
    out = outcomes(points, mask_a), outcomes(points, mask_b)
    settings = settings_of(points.keys, found)
    whole = {
        each: [_of(points.keys, each, settings, one) for one in cell_verdict(each, *out, points)] for each in found
    }
    sound = [each for each, told in whole.items() if not told or (told[0].word == "broke" and _numbers(each, *out))]
    pairs, alone = _pairs(points.keys, sound, present, settings)
    on_cells = (verdict for group in whole.values() for verdict in group)
    return Matched(tuple(found), tuple(pairs), (*on_cells, *alone), mask_a, mask_b)


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
    it ended before its own side's others began: conditions that changed within a side. Where nothing of one side can be
    compared with anything of the other, nothing is missing and nothing is new.
    """
    before, after = (_by_cell(keys, side, across) for side in (a, b))
    found: list[Match] = []
    for cell in dict.fromkeys([*before, *after]):
        found += Pairing(keys, before.get(cell, []), after.get(cell, []), a, b, emulated, bool(across)).matches()
    obstacle = _between_sides(keys, a, b, emulated=emulated)
    return found if obstacle is None else [replace(each, obstacle=each.obstacle or obstacle) for each in found]


def _between_sides(keys: Sequence[SeriesKey], a: Iterable[int], b: Iterable[int], *, emulated: bool) -> str | None:
    """What keeps the sides apart as wholes, such as another protocol; None where any two of their series may meet."""
    one, other = ({_rules(keys[place].conditions): keys[place].conditions for place in side} for side in (a, b))
    found = [rules_obstacle(mine, its, emulated=emulated) for mine in one.values() for its in other.values()]
    return found[0] if found and all(found) else None


def _rules(conditions: Conditions) -> tuple[str, int, int, bool]:
    return conditions.protocol, conditions.layers, conditions.layers_total, conditions.emulated


def _by_cell(keys: Sequence[SeriesKey], side: Iterable[int], across: Sequence[str]) -> dict[CellKey, Places]:
    blank: Mapping[str, Any] = {name: type(getattr(keys[0].cell, name))() for name in across} if keys else {}
    cells: dict[CellKey, Places] = {}
    for place in side:
        cell = keys[place].cell
        cells.setdefault(replace(cell, **blank) if blank else cell, []).append(place)
    return cells


def _numbers(each: Match, a: Outcomes, b: Outcomes) -> bool:
    return each.a is not None and each.b is not None and bool(a.good[each.a]) and bool(b.good[each.b])


def _pairs(
    keys: Sequence[SeriesKey],
    sound: Sequence[Match],
    present: Sequence[Iterable[int]],
    settings: Mapping[Match, Fields],
) -> tuple[list[Pair], list[Verdict]]:
    """The metrics of sound cells that both sides measured by the same counter, and verdicts on the others."""
    by_base = [_metrics(keys, side) for side in present]
    pairs: list[Pair] = []
    alone: list[Verdict] = []
    for each in sound:
        if each.a is None or each.b is None:
            continue
        ours, theirs = (
            side.get(cell_series(keys[place]), {}) for side, place in zip(by_base, (each.a, each.b), strict=True)
        )
        for name in dict.fromkeys([*ours, *theirs]):
            both = ours.get(name, []), theirs.get(name, [])
            pairs += (replace(pair, settings=settings[each]) for pair in _same_counter(keys, *both))
            alone += (_of(keys, each, settings, one) for one in _not_comparable(keys, *both))
    return pairs, alone


def _of(keys: Sequence[SeriesKey], each: Match, settings: Mapping[Match, Fields], verdict: Verdict) -> Verdict:
    """The verdict with what tells it from others of its cell, and with the series that it is about."""
    a, b = (None if place is None else keys[place] for place in (each.a, each.b))
    return replace(verdict, settings=settings[each], series_a=a, series_b=b)


def _metrics(keys: Sequence[SeriesKey], present: Iterable[int]) -> dict[SeriesKey, dict[str, list[int]]]:
    found: dict[SeriesKey, dict[str, list[int]]] = {}
    for code in present:
        if keys[code].cell.metric != STATUS:
            found.setdefault(cell_series(keys[code]), {}).setdefault(keys[code].cell.metric, []).append(code)
    return found


def _same_counter(keys: Sequence[SeriesKey], a: list[int], b: list[int]) -> Iterator[Pair]:
    by_counter = {keys[code].conditions.counter: code for code in a}
    for code in b:
        counter = keys[code].conditions.counter
        if counter in by_counter:
            yield Pair(by_counter[counter], code)


def _not_comparable(keys: Sequence[SeriesKey], a: list[int], b: list[int]) -> Iterator[Verdict]:
    counters_a, counters_b = ({keys[code].conditions.counter for code in side} for side in (a, b))
    if counters_a & counters_b:
        return
    cell = keys[(b or a)[0]].cell
    if not a or not b:
        yield Verdict(
            cell=cell, word="not-comparable", reason=f"not measured in the {'baseline' if not a else 'candidate'}"
        )
    else:
        named = " and ".join("/".join(sorted(map(said, side))) for side in (counters_a, counters_b))
        yield Verdict(cell=cell, word="not-comparable", reason=f"two memory counters: {named}")


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
