"""Which rows and columns of a board are shown, and in what order: the filter and the sorting, without any screen."""

from __future__ import annotations

from dataclasses import dataclass, replace

from lab.analysis.boards.apart import natural
from lab.analysis.boards.board import Board, BoardCell, BoardRow
from lab.analysis.boards.cell_text import plain_word, rank_of
from lab.formats.metrics import NOT_MEASURED

ORDERS = {"dashboard": "in default order", "name": "by name", "worst": "worst first", "newest": "newest first"}


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What the reader asked to see. With `sort` "column" the rows are sorted by the column of the fact `column`."""

    text: str = ""
    sort: str = "dashboard"
    column: str = ""
    reverse: bool = False

    @property
    def words(self) -> list[str]:
        """The words of the filter, all of which must match."""
        return self.text.lower().split()


def next_order(board: Board, wanted: Wanted, under: str) -> Wanted:
    """Return the next order: after those of whole rows by the column `under` the cursor, where rows have no such thing
    as a cell under the cursor by one column after the other.
    """
    columns = [under] if board.is_matrix else [column.fact for column in board.columns]
    orders = [*((name, "") for name in ORDERS), *(("column", fact) for fact in columns)]
    now = (wanted.sort, wanted.column)
    sort, column = orders[(orders.index(now) + 1) % len(orders)] if now in orders else orders[0]
    return replace(wanted, sort=sort, column=column)


def order_text(board: Board, wanted: Wanted) -> str:
    """Say in which order the rows are."""
    titles = {column.fact: column.title for column in (*board.row_columns, *board.columns)}
    return ORDERS.get(wanted.sort) or f"by {titles.get(wanted.column, wanted.column)}"


@dataclass(frozen=True)
class Shown:
    """The rows and the places of the columns that are left. `matches` are the cells that match by themselves."""

    rows: tuple[BoardRow, ...]
    columns: tuple[int, ...]
    matches: frozenset[tuple[tuple[str, ...], int]]


def shown(board: Board, wanted: Wanted, matrix: bool) -> Shown:
    """Return what is left of the board."""
    hits = frozenset(
        (row.names, place)
        for row in board.rows
        for place in range(len(board.column_titles))
        if (not matrix or row.cells[place].text or not wanted.words)
        and _matches(_searched(board, row, place, matrix), wanted.words)
    )
    rows = [row for row in board.rows if any((row.names, place) in hits for place in range(len(board.column_titles)))]
    columns = [
        place
        for place in range(len(board.column_titles))
        if not matrix or not wanted.words or any((row.names, place) in hits for row in rows)
    ]
    return Shown(tuple(_sorted(board, rows, wanted)), tuple(columns), hits)


def _searched(board: Board, row: BoardRow, place: int, matrix: bool) -> str:
    """The text in which the words of the filter are looked for: of a matrix one cell, else the whole row."""
    cells = (row.cells[place],) if matrix else row.cells
    title = (board.column_titles[place],) if matrix else ()
    return "\n".join([*row.names, *title, *(part for cell in cells for part in _parts(cell))]).lower()


def _parts(cell: BoardCell) -> list[str]:
    key = cell.key
    named = [key.target, key.model, key.engine] if key else []
    return [*named, cell.text, cell.word, plain_word(cell.word), cell.note, *cell.labels]


def _matches(text: str, words: list[str]) -> bool:
    return all(word in text for word in words)


def _sorted(board: Board, rows: list[BoardRow], wanted: Wanted) -> list[BoardRow]:
    if wanted.sort == "name":
        rows = sorted(rows, key=lambda row: row.names)
    elif wanted.sort == "worst":
        rows = sorted(rows, key=lambda row: -max((rank_of(cell.word) for cell in row.cells), default=0))
    elif wanted.sort == "newest":
        rows = sorted(rows, key=lambda row: -max((cell.created_s for cell in row.cells), default=0))
    elif wanted.sort == "column":
        return _by_column(board, rows, wanted)
    return rows[::-1] if wanted.reverse else rows


def _by_column(board: Board, rows: list[BoardRow], wanted: Wanted) -> list[BoardRow]:
    """By what the column says of each row; rows of which it says nothing come last, whichever way round."""
    values = _values(board, rows, wanted.column)
    told = sorted(
        (place for place, value in enumerate(values) if value), key=values.__getitem__, reverse=wanted.reverse
    )
    return [rows[place] for place in (*told, *(place for place, value in enumerate(values) if not value))]


def _values(board: Board, rows: list[BoardRow], fact: str) -> list[tuple[object, ...]]:
    """What sorts each row by the column: its number where the column has numbers, else its text; () is nothing."""
    names = [column.fact for column in board.row_columns]
    if fact in names:
        return [natural(row.names[names.index(fact)]) for row in rows]
    found = next((place for place, column in enumerate(board.columns) if column.fact == fact), None)
    if found is None:
        return [()] * len(rows)
    cells = [row.cells[found] for row in rows]
    numbers = [board.columns[found].sort(cell) for cell in cells]
    if any(number is not None for number in numbers):
        return [() if number is None else (number,) for number in numbers]
    return [natural(cell.text) if cell.text not in ("", NOT_MEASURED) else () for cell in cells]
