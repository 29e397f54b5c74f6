"""Rows by some axes, columns by others; where several cells fall in one place, the worst and newest is shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from lab.analysis.boards.apart import Apart
from lab.analysis.boards.axes import order_on, value_on
from lab.analysis.boards.board import EMPTY, BoardCell, BoardRow, Column, by_value
from lab.analysis.boards.cell_text import rank_of
from lab.analysis.boards.lines import Line
from lab.analysis.points.key import STATUS, CellKey
from lab.formats.dashboard import AXES, DashboardSpec

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
    heads = sorted(columns)
    rows = [
        BoardRow(
            names=row[1],
            cells=tuple(headline(places[row, head], spec) if (row, head) in places else EMPTY for head in heads),
        )
        for row in sorted({row for row, _ in places})
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


def headline(found: list[tuple[Line, BoardCell]], spec: DashboardSpec) -> BoardCell:
    """Return the cell that stands for all that fall in one place: the worst alarm, else the first metric's newest."""

    def order(pair: tuple[Line, BoardCell]) -> tuple[Any, ...]:
        (key, cell) = pair[0].cell, pair[1]
        alarm = rank_of(cell.word) if cell.role == "bad" else 0
        metric = spec.metrics.index(key.metric) if key.metric in spec.metrics else len(spec.metrics)
        return -alarm, metric, -cell.created_s, -cell.sessions, key

    (line, cell), *others = sorted(found, key=order)
    return replace(
        cell,
        note=_note(line.cell, spec, [one.cell for one, _ in found]),
        also=tuple(other.key for _, other in others if other.key),
    )


def _note(key: CellKey, spec: DashboardSpec, found: Sequence[CellKey]) -> str:
    """What the value is of, on every axis that row and column leave open and that tells cells apart."""
    opened = [axis for axis in AXES if axis not in (*spec.rows, *spec.columns)]
    differs = [axis for axis in opened if axis == "test" or len({value_on(one, axis) for one in found}) > 1]
    differs = [axis for axis in differs if axis != "metric" or key.metric != spec.metrics[0]]
    return " ".join(value_on(key, axis) for axis in differs)
