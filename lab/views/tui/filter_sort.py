"""Which rows and columns of a board are shown, and in what order: the filter and the sorting, without any screen."""

from __future__ import annotations

from dataclasses import dataclass

from lab.analysis.boards.board import Board, BoardCell, BoardRow
from lab.analysis.boards.cell_text import RANK, plain_word

SORTS = ("dashboard", "name", "worst", "newest", "column")
SORT_WORDS = {
    "dashboard": "as the dashboard says",
    "name": "by name",
    "worst": "worst first",
    "newest": "newest first",
    "column": "by column",
}


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What the reader asked to see. `column` is the title of the column that "column" sorts by."""

    text: str = ""
    sort: str = "dashboard"
    column: str = ""
    reverse: bool = False

    @property
    def words(self) -> list[str]:
        """The words of the filter, all of which must match."""
        return self.text.lower().split()


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
        rows = sorted(rows, key=lambda row: -max((RANK.get(cell.word, 0) for cell in row.cells), default=0))
    elif wanted.sort == "newest":
        rows = sorted(rows, key=lambda row: -max((cell.created_s for cell in row.cells), default=0))
    elif wanted.sort == "column" and wanted.column in board.column_titles:
        place = board.column_titles.index(wanted.column)
        rows = sorted(rows, key=lambda row: _value(wanted.column, row.cells[place]))
    return rows[::-1] if wanted.reverse else rows


def _value(title: str, cell: BoardCell) -> tuple[bool, float, str]:
    """What a column sorts by: its number where the cell shows that, else its text; empty places come last."""
    number = _number(title, cell)
    return not cell.text and not cell.history, number if number is not None else 0.0, cell.text


def _number(title: str, cell: BoardCell) -> float | None:
    found = cell.verdict
    if title == "Verdict":
        return -float(RANK.get(cell.word, 0))
    if title in ("Change", "95 % interval"):
        return found.ratio if found else None
    if title in ("Before", "Now"):
        return (found.a if title == "Before" else found.b) if found else None
    return None if title in ("Why", "Run", "When", "Commits", "Accepted", "Sessions") else cell.value
