"""Changes of level in histories: as rows, and in the cells of those that are open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from lab.analysis.boards.apart import Apart
from lab.analysis.boards.axes import value_on
from lab.analysis.boards.board import BoardCell, BoardRow, Change, Role
from lab.analysis.boards.cell_text import day_words, plain_word, role_of
from lab.analysis.boards.facts import columns_of, fact
from lab.analysis.boards.lines import Line
from lab.core.units import change_size
from lab.formats.dashboard import DashboardSpec


def change_rows(
    spec: DashboardSpec, cells: Mapping[Line, BoardCell], changes: Sequence[tuple[Line, Change]], apart: Apart
) -> list[BoardRow]:
    """Return a row for each change: those that are open first, of these and of the others the newest."""
    in_order = sorted(changes, key=lambda one: (not one[1].open, -one[1].created_s, one[0]))
    return [_row(spec, cells[line], line, change, apart) for line, change in in_order]


def with_open(
    cells: Mapping[Line, BoardCell], changes: Sequence[tuple[Line, Change]], compared_with: str
) -> dict[Line, BoardCell]:
    """Return the cells, each of an open loss as that of the newest one, unless its own verdict is an alarm already.

    The sessions that the newest are compared with move on, and with time a loss is within them: then the verdict says
    "same", and the loss is still there.
    """
    lost = {line: change for line, change in sorted(changes, key=lambda one: one[1].created_s) if change.open}
    return {
        line: _lost(cell, lost[line], compared_with) if line in lost and _may_hide(cell) else cell
        for line, cell in cells.items()
    }


def _may_hide(cell: BoardCell) -> bool:
    return cell.role != "bad" and cell.value is not None


def _lost(cell: BoardCell, change: Change, compared_with: str) -> BoardCell:
    verdict = f"; the newest sessions compared with {compared_with}: {plain_word(cell.word)}" if cell.word else ""
    since = f"since {day_words(change.created_s)[:10]}"
    return replace(
        _about(cell, change),
        word=change.word,
        role=role_of(change.word),
        reason=f"{_size(change)} {since}, and nobody accepted it{verdict}",
        labels=(*cell.labels, since),
    )


def _about(cell: BoardCell, change: Change) -> BoardCell:
    """The cell with the history around the change."""
    if not change.history:
        return replace(cell, change=change)
    return replace(
        cell, change=change, history=change.history, history_runs=change.history_runs, mark=change.mark, seams=()
    )


def _row(spec: DashboardSpec, cell: BoardCell, line: Line, change: Change, apart: Apart) -> BoardRow:
    word = "accepted" if change.accepted is not None else change.word
    about = replace(
        _about(cell, change),
        word=word,
        role=_role(change),
        reason=_reason(change),
        run_id=change.run_id,
        created_s=change.created_s,
    )
    return BoardRow(
        names=(*(value_on(line.cell, axis) for axis in spec.rows), *apart.names(line, cell)),
        cells=tuple(fact(column, about) for column in columns_of(spec)),
    )


def _role(change: Change) -> Role:
    """What was accepted, or is fixed since, is no alarm."""
    is_past = change.state in ("accepted", "fixed since")
    return "plain" if is_past else role_of(change.word)


def _reason(change: Change) -> str:
    size = f"{_size(change)} since run {change.run_id}"
    if change.accepted is not None:
        return f"{size}; accepted: {change.accepted}"
    return f"{size}; fixed since" if change.state == "fixed since" else size


def _size(change: Change) -> str:
    return f"{plain_word(change.word)} by {change_size(change.ratio)}"
