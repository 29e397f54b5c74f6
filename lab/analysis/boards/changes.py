"""Changes of level in histories, as rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from lab.analysis.boards.apart import Apart
from lab.analysis.boards.axes import value_on
from lab.analysis.boards.board import BoardCell, BoardRow, Change
from lab.analysis.boards.cell_text import role_of, size_text
from lab.analysis.boards.facts import columns_of, fact
from lab.analysis.boards.lines import Line
from lab.formats.dashboard import DashboardSpec


def change_rows(
    spec: DashboardSpec, cells: Mapping[Line, BoardCell], changes: Sequence[tuple[Line, Change]], apart: Apart
) -> list[BoardRow]:
    """Return a row for each change, the newest first."""
    newest_first = sorted(changes, key=lambda one: (-one[1].created_s, one[0]))
    return [_row(spec, cells[line], line, change, apart) for line, change in newest_first]


def _row(spec: DashboardSpec, cell: BoardCell, line: Line, change: Change, apart: Apart) -> BoardRow:
    word = "accepted" if change.accepted is not None else change.word
    about = replace(
        cell,
        change=change,
        word=word,
        role="plain" if change.accepted is not None else role_of(change.word),
        reason=_reason(change),
        run_id=change.run_id,
        created_s=change.created_s,
    )
    return BoardRow(
        names=(*(value_on(line.cell, axis) for axis in spec.rows), *apart.names(line, cell)),
        cells=tuple(fact(column, about) for column in columns_of(spec)),
    )


def _reason(change: Change) -> str:
    said = f"{change.word} by {size_text(change.ratio)} from run {change.run_id} on"
    return f"{said}; accepted: {change.accepted}" if change.accepted is not None else said
