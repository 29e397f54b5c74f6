"""What a cell of a board looks like in a terminal."""

from __future__ import annotations

from textwrap import wrap

from rich.text import Text

from lab.analysis.boards.board import Board, BoardCell, BoardRow
from lab.analysis.boards.cell_text import plain_word
from lab.analysis.boards.items import HISTORY
from lab.core.text import printable
from lab.views.pictures import change_sparkline, sparkline
from lab.views.table import FAINT, STYLES

SPARK = 10
LABELS = 24  # columns for what a reader has to know


def cell_text(cell: BoardCell, common: tuple[str, ...]) -> Text:
    """The value, below it its history and its word, then what it is of and what a reader has to know of it."""
    if cell.key is None:
        return Text(cell.text)
    lines = [Text(printable(cell.text)), _history_and_word(cell)]
    also = f" +{len(cell.also)}" if cell.also else ""
    lines += [Text(printable(cell.note) + also, FAINT), Text(labels_text(cell, common), FAINT)]
    return Text("\n").join([line for line in lines if line.plain])


def fact_cell(cell: BoardCell) -> Text:
    """One fact; of a history, its picture."""
    if cell.history:
        return Text(history_picture(cell, 2 * SPARK))
    return Text(printable(cell.text), STYLES[cell.role])


def history_picture(cell: BoardCell, width: int, newest: int = HISTORY) -> str:
    """The history in `width` columns: around the change that the cell is about, else of the `newest` sessions."""
    if cell.mark >= 0:
        return change_sparkline(cell.history, cell.mark, width, cell.threshold)
    return sparkline(cell.history[-newest:], width, cell.threshold)


def labels_text(cell: BoardCell, common: tuple[str, ...]) -> str:
    """What a reader has to know of this value and not of all."""
    return "\n".join(wrap(", ".join(label for label in cell.labels if label not in common), LABELS))


def labels_of_all(board: Board) -> tuple[str, ...]:
    """Return the labels that every value of the board has."""
    sets = [set(cell.labels) for row in board.rows for cell in row.cells if cell.key is not None]
    common = set.intersection(*sets) if sets else set()
    return tuple(sorted(common))


def labels_of_row(row: BoardRow) -> tuple[str, ...]:
    """Return the labels that every value of the row has."""
    sets = [set(cell.labels) for cell in row.cells if cell.key is not None]
    return tuple(sorted(set.intersection(*sets))) if len(sets) > 1 else ()


def _history_and_word(cell: BoardCell) -> Text:
    picture = history_picture(cell, SPARK) if len(cell.history) > 1 else ""
    word = Text(plain_word(cell.word), STYLES[cell.role])
    return Text(" ").join([part for part in (Text(picture), word) if part.plain])
