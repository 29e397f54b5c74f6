"""Rows by some axes, columns by others; where several cells fall in one place, the worst and newest is shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from lab.analysis.boards.apart import Apart
from lab.analysis.boards.axes import OWN, order_on, value_on
from lab.analysis.boards.board import EMPTY, BoardCell, BoardRow, Column, by_value
from lab.analysis.boards.cell_text import rank_of
from lab.analysis.boards.lines import Line
from lab.analysis.points.key import STATUS, CellKey
from lab.formats.dashboard import AXES, DashboardSpec

STALE_S = 14 * 86_400  # a test that nobody measured for so long while others went on does not stand for its place
Place = tuple[tuple[Any, ...], tuple[str, ...]]  # what sorts it, and what it is called


def matrix_rows(
    spec: DashboardSpec, cells: Mapping[Line, BoardCell], apart: Apart
) -> tuple[tuple[Column, ...], list[BoardRow]]:
    """Return the columns, and the rows by name."""
    axes = [axis for axis in spec.columns if axis in AXES]
    spread = {line: cell for every, cell in cells.items() for line in _metrics_of(every, spec)}
    places: dict[tuple[Place, Place], list[tuple[Line, BoardCell]]] = {}
    columns: dict[Place, Column] = {}
    for line, cell in spread.items():
        order, names = _place(line.cell, spec.rows, spec)
        row = (*order, apart.order(line)), (*names, *apart.names(line))
        head = _place(line.cell, axes, spec)
        columns.setdefault(head, _column(line.cell, axes))
        places.setdefault((row, head), []).append((line, cell))
    whole = {axis for place, found in places.items() if not all(cell.is_part for _, cell in found) for axis in place}
    heads = sorted(columns, key=lambda head: (head not in whole, head))  # models of which a part was measured come last
    told = told_axes(spec, cells)
    stand = {place: headline(several, spec, told, apart) for place, several in places.items()}
    rows = [
        BoardRow(names=row[1], cells=tuple(stand.get((row, head), EMPTY) for head in heads))
        for row in sorted({row for row, _ in places}, key=lambda row: (row not in whole, row))
    ]
    return tuple(columns[head] for head in heads), rows


def _column(key: CellKey, axes: Sequence[str]) -> Column:
    """The column of all cells that lie where this one does."""
    places = (key.metric if axis == "metric" else value_on(key, axis) for axis in axes)
    title = " ".join(value_on(key, axis) for axis in axes)
    return Column(fact=" ".join(places), title=title, sort=by_value)


def _metrics_of(line: Line, spec: DashboardSpec) -> list[Line]:
    """A cell that gave no number at all stands in the column of every metric."""
    if line.cell.metric != STATUS or "metric" not in spec.columns:
        return [line]
    return [replace(line, cell=replace(line.cell, metric=name)) for name in spec.metrics]


def _place(key: CellKey, axes: Sequence[str], spec: DashboardSpec) -> Place:
    order = tuple(order_on(key, axis, spec.metrics) for axis in axes)
    return order, tuple(value_on(key, axis) for axis in axes)


def told_axes(spec: DashboardSpec, lines: Iterable[Line]) -> tuple[str, ...]:
    """Return the axes that rows and columns leave open and that a note names: the test, and where lines differ."""
    opened = [axis for axis in AXES if axis not in (*spec.rows, *spec.columns)]
    keys = [line.cell for line in lines]
    return tuple(axis for axis in opened if axis == "test" or len({value_on(one, axis) for one in keys}) > 1)


def headline(found: list[tuple[Line, BoardCell]], spec: DashboardSpec, told: Sequence[str], apart: Apart) -> BoardCell:
    """Return the cell that stands for all that fall in one place.

    Whole models come before a part of their layers, then the worst alarm; else the first metric of lab's own engine in
    the smallest test that is still measured. `told` are the axes that its note names where its row does not.
    """
    told = [axis for axis in told if axis != "engine" or not apart.names_engine(found[0][0])]
    newest_s = max(cell.created_s for _, cell in found)

    def order(pair: tuple[Line, BoardCell]) -> tuple[Any, ...]:
        (key, cell) = pair[0].cell, pair[1]
        alarm = rank_of(cell.word) if cell.role == "bad" else 0
        metric = spec.metrics.index(key.metric) if key.metric in spec.metrics else len(spec.metrics)
        is_stale = newest_s - cell.created_s > STALE_S
        test = order_on(key, "test", spec.metrics)
        return cell.is_part, -alarm, metric, key.engine != OWN, is_stale, test, -cell.created_s, -cell.sessions, key

    (line, cell), *others = sorted(found, key=order)
    part = [label for label in cell.labels if label.endswith(" layers")] if cell.is_part else []
    return replace(
        cell,
        note=" ".join((*part, *_note(line.cell, spec, told))),
        labels=tuple(label for label in cell.labels if label not in part),
        role="faint" if cell.is_part and cell.role != "bad" else cell.role,
        also=tuple(other.key for _, other in others if other.key),
    )


def _note(key: CellKey, spec: DashboardSpec, told: Sequence[str]) -> list[str]:
    """What the value is of, on the axes that are told."""
    named = [axis for axis in told if axis != "metric" or key.metric != spec.metrics[0]]
    return [value_on(key, axis) for axis in named]
