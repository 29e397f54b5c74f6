"""Which row of a table a line of a chart is a part of, so that charts show what the filter shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lab.analysis.boards.axes import value_on
from lab.analysis.boards.board import Board, BoardRow
from lab.analysis.points.key import CellKey
from lab.formats.dashboard import AXES


@dataclass(frozen=True)
class RowKeys:
    """The rows by what they are of, on `axes`; rows that differ in their conditions alone are one."""

    axes: tuple[str, ...] = ()
    numbers: Mapping[tuple[str, ...], int] = field(default_factory=dict)

    def of_row(self, row: BoardRow) -> str:
        """Return the attribute of a row."""
        return self._attribute(row.names[: len(self.axes)])

    def of_series(self, key: CellKey) -> str:
        """Return the attribute of what is drawn of the series; of no row it is number -1."""
        return self._attribute(tuple(value_on(key, axis) for axis in self.axes)) if self.axes else ""

    def _attribute(self, names: tuple[str, ...]) -> str:
        return f' data-row="{self.numbers.get(names, -1)}"'


def row_keys(board: Board) -> RowKeys:
    """Return the keys of the rows of a board."""
    axes = tuple(column.fact for column in board.row_columns if column.fact in AXES)
    names = dict.fromkeys(row.names[: len(axes)] for row in board.rows)
    return RowKeys(axes, {one: number for number, one in enumerate(names)})
