"""From the verdicts of several pairings to rows: one for each test and metric of what the reference measured.

A row is that of a series of the reference, whichever value it is compared with. What the reference never measured has
rows of its own, by its conditions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from lab.analysis.boards.apart import natural
from lab.analysis.compare.measured import Measured, measured
from lab.analysis.judging.sides import Side
from lab.analysis.judging.verdict import Verdict
from lab.analysis.points.key import STATUS, CellKey, Fields, SeriesKey, cell_series
from lab.analysis.points.named import ABSENT, fields_of
from lab.analysis.points.table import Points
from lab.formats.metrics import metric

TIE = 1e-3  # a smaller difference is none: it would not show


@dataclass(frozen=True)
class Row:
    """One metric of one cell (`cell` without what the axis varies), and its verdict by value of the axis.

    `ran_on` says on what, where both sides ran on several things, `settings` what else tells it from other rows of the
    cell. `a` is the reference's number in the metric's own unit; null where it has none. `within` is the 95 % interval
    of the ratio of two single runs by their repetitions: what varies within a session, and nothing between sessions.
    `measured` is what each value measured, of those that may be compared; `absent` the verdict on the whole cell of
    those that have no number here.
    """

    cell: CellKey
    ran_on: str
    settings: Fields
    a: float | None
    verdicts: dict[str, Verdict]
    within: tuple[float, float] | None = None
    measured: dict[str, Measured] = field(default_factory=dict)
    absent: dict[str, Verdict] = field(default_factory=dict)

    @property
    def best(self) -> str | None:
        """The value whose number is best; None where there are not two, or another one is as good to TIE."""
        if len(self.measured) < 2:
            return None
        upward = metric(self.cell.metric).better == "higher"
        ranked = sorted(self.measured, key=lambda value: self.measured[value].value, reverse=upward)
        first, second = (self.measured[value].value for value in ranked[:2])
        return None if abs(first - second) <= TIE * abs(first) else ranked[0]


class Told(NamedTuple):
    """A verdict on a value of the axis, and what both sides ran on where that is several things."""

    value: str
    ran_on: str
    verdict: Verdict


Whole = tuple[CellKey, object]  # a cell without its metric, and what identifies its series


@dataclass
class _Group:
    """What becomes a row: a metric of `whole`, with what was told of it and the series behind each number."""

    whole: Whole
    cell: CellKey
    sample: SeriesKey
    told: list[Told] = field(default_factory=list)
    series: dict[str, SeriesKey] = field(default_factory=dict)


def rows_of(
    points: Points,
    sides: Mapping[str, Side],
    reference: str,
    told: Iterable[Told],
    blank: Callable[[CellKey], CellKey],
    metrics: Container[str] = (),
) -> tuple[Row, ...]:
    """Return the rows in the order of their cells; `blank` takes out of a cell what the axis varies.

    Of `metrics`, those that the reference never measured have rows too, without a verdict.
    """
    groups = _grouped(told, reference, blank)
    groups += _unmatched(points, sides, groups, blank, metrics)
    names: dict[CellKey, dict[str, None]] = {}
    for group in groups:
        fields = (name for one in group.told for name, _ in one.verdict.settings)
        names.setdefault(group.whole[0], {}).update(dict.fromkeys(fields))
    numbers = {
        value: measured(points, side, [group.series[value] for group in groups if value in group.series])
        for value, side in sides.items()
    }
    absent: dict[Whole, dict[str, Verdict]] = {}
    for group in groups:
        if group.cell.metric == STATUS:
            absent.setdefault(group.whole, {}).update({one.value: one.verdict for one in group.told})
    rows = [_row(group, tuple(names[group.whole[0]]), numbers, reference, absent) for group in groups]
    return tuple(sorted(rows, key=_order))


def _grouped(told: Iterable[Told], reference: str, blank: Callable[[CellKey], CellKey]) -> list[_Group]:
    groups: dict[tuple[Whole, str, str, int], _Group] = {}
    met: Counter[tuple[object, ...]] = Counter()
    for one in told:
        series = one.verdict.series_a or one.verdict.series_b
        assert series is not None  # a verdict is of one side at the least
        whole, counter = _whole(one.verdict, series, blank), series.conditions.counter
        name = one.verdict.cell.metric
        met[seen := (whole, name, counter, one.value)] += 1
        cell = replace(whole[0], metric=name)
        group = groups.setdefault((whole, name, counter, met[seen]), _Group(whole, cell, series))
        group.told.append(one)
        if name != STATUS and one.verdict.ratio is not None and one.verdict.series_a and one.verdict.series_b:
            group.series |= {reference: one.verdict.series_a, one.value: one.verdict.series_b}
    return list(groups.values())


def _whole(verdict: Verdict, series: SeriesKey, blank: Callable[[CellKey], CellKey]) -> Whole:
    """The cell, and the reference's series; where it has none, what may be compared among the others."""
    cell = replace(blank(verdict.cell), metric=STATUS)
    if verdict.series_a is not None:
        return cell, cell_series(series)
    rules = (series.conditions.protocol, series.conditions.layers, series.conditions.emulated)
    return cell, (verdict.settings, rules)


def _unmatched(
    points: Points,
    sides: Mapping[str, Side],
    groups: Iterable[_Group],
    blank: Callable[[CellKey], CellKey],
    metrics: Container[str],
) -> list[_Group]:
    """The numbers of cells that the reference never had: a group for each metric."""
    of: dict[SeriesKey, list[SeriesKey]] = {}
    for key in points.keys:
        of.setdefault(cell_series(key), []).append(key)
    found: dict[tuple[Whole, str, str], _Group] = {}
    for group, one in [(each, one) for each in groups for one in each.told]:
        if one.verdict.word == "new" and one.verdict.series_a is None and one.verdict.series_b is not None:
            for key in of[one.verdict.series_b]:
                if key.cell.metric in metrics:
                    cell = replace(group.whole[0], metric=key.cell.metric)
                    place = group.whole, key.cell.metric, key.conditions.counter
                    found.setdefault(place, _Group(group.whole, cell, key)).series[one.value] = key
    return list(found.values())


def _row(
    group: _Group,
    names: Sequence[str],
    numbers: Mapping[str, Mapping[SeriesKey, Measured]],
    reference: str,
    absent: Mapping[Whole, Mapping[str, Verdict]],
) -> Row:
    verdicts = {one.value: one.verdict for one in group.told}
    a = next((verdict.a for verdict in verdicts.values() if verdict.a is not None), None)
    centres = {reference: a, **{value: verdict.b for value, verdict in verdicts.items()}}
    own: dict[str, Measured] = {}
    for value, key in group.series.items():
        one, at = numbers[value].get(key), centres.get(value)
        if one is not None:
            own[value] = one if at is None else one.at(at)
    return Row(
        cell=group.cell,
        ran_on=next((one.ran_on for one in group.told if one.ran_on), ""),
        settings=_settings(group, names),
        a=a,
        verdicts=verdicts,
        measured={value: own[value] for value in numbers if value in own},
        absent=dict(absent.get(group.whole, {})) if group.cell.metric != STATUS else {},
    )


def _settings(group: _Group, names: Sequence[str]) -> Fields:
    """What tells the row from others of its cell: as a pairing told it, else as the series has it."""
    told = {name: text for one in reversed(group.told) for name, text in one.verdict.settings}
    fields = fields_of(group.sample.conditions)
    return tuple((name, told.get(name, fields.get(name, ABSENT))) for name in names)


def _order(row: Row) -> tuple[object, ...]:
    return row.cell, row.ran_on, [(name, natural(text)) for name, text in row.settings]
