"""Which columns of a board stand beside each other, and which names need no column at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import wrap

from rich.console import RenderableType
from rich.table import Column
from rich.text import Text

from lab.analysis.boards.board import Board, BoardRow
from lab.analysis.boards.board import Column as BoardColumn
from lab.core.text import printable
from lab.views.board.cell_text import LABELS, cell_text, fact_cell, labels_of_all, labels_of_row
from lab.views.table import FAINT, left, right, table

GAP = 2
FOLDED = 24  # columns of a terminal that a column of words needs at the least


@dataclass(frozen=True)
class Names:
    """`shared` are the names that all rows have alike, as (title, name); `places` of the others in `BoardRow.names`."""

    shared: tuple[tuple[str, str], ...]
    places: tuple[int, ...]


@dataclass(frozen=True)
class Blocks:
    """The tables of a board, and the facts that had no room in them."""

    tables: tuple[RenderableType, ...]
    left_out: tuple[str, ...] = ()


def shared_names(board: Board) -> Names:
    """Take names that are the same in every row out of the rows, but for the last."""
    same = [len({row.names[place] for row in board.rows}) == 1 for place in range(len(board.row_titles))]
    if all(same):
        same[-1] = False
    shared = [(board.row_titles[place], board.rows[0].names[place]) for place, alike in enumerate(same) if alike]
    return Names(tuple(shared), tuple(place for place, alike in enumerate(same) if not alike))


def blocks(board: Board, names: Names, width: int) -> Blocks:
    """The board as one table, or a matrix as several with the names of rows in each where one would be too wide."""
    return _matrix(board, names, width) if board.is_matrix else _facts(board, names, width)


def _matrix(board: Board, names: Names, width: int) -> Blocks:
    common = labels_of_all(board)
    cells = [[cell_text(cell, (*common, *labels_of_row(row))) for cell in row.cells] for row in board.rows]
    heads, named = _stacked(board, names)
    named = [[_labelled(name[0], row, common)] for name, row in zip(named, board.rows, strict=True)]
    columns = [left("", fold=False) for _ in board.column_titles]
    for column, title in zip(columns, board.column_titles, strict=True):
        column.header = Text(printable(title))  # as text: a plain string would be read as markup
    groups = _groups(columns, cells, width - _room(heads, named))
    tables = []
    for group in groups:
        filled = [place for place, row in enumerate(cells) if any(row[one].plain for one in group)]
        rows = [[*named[place], *(cells[place][one] for one in group)] for place in filled]
        tables.append(table([*map(_copy, heads), *(columns[one] for one in group)], rows))
    return Blocks(tuple(tables))


def _facts(board: Board, names: Names, width: int) -> Blocks:
    cells = [[fact_cell(cell) for cell in row.cells] for row in board.rows]
    columns = [right(one.title) if one.align == "right" else left(one.title, fold=one.folds) for one in board.columns]
    heads, named = _beside(board, names)
    kept = _that_fit(board.columns, cells, width - _room(heads, named))
    if len(kept) < len(columns):  # names above each other leave more room for what is said of them
        heads, named = _stacked(board, names)
        kept = _that_fit(board.columns, cells, width - _room(heads, named))
    if _missing(cells, kept, width - _room(heads, named)) > 0:
        cells = [[_broken(text) for text in line] for line in cells]
    rows = [[*name, *(line[place] for place in kept)] for name, line in zip(named, cells, strict=True)]
    left_out = tuple(one.fact for place, one in enumerate(board.columns) if place not in kept)
    return Blocks((table([*heads, *(columns[place] for place in kept)], rows),), left_out)


def _missing(cells: Sequence[Sequence[Text]], kept: Sequence[int], room: int) -> int:
    """How many columns of a terminal are missing for texts on one line each."""
    return sum(_width("", [row[place] for row in cells]) + GAP for place in kept) - GAP - room


def _broken(text: Text) -> Text:
    """Two commits on two lines, rather than each in pieces."""
    before, dots, after = text.plain.partition("..")
    return Text(f"{before}..\n{after}", text.style) if dots and after and " " not in text.plain else text


def _beside(board: Board, names: Names) -> tuple[list[Column], list[list[Text]]]:
    """A column for each name of a row."""
    heads = [left(board.row_titles[place], fold=False) for place in names.places]
    return heads, [[Text(printable(row.names[place])) for place in names.places] for row in board.rows]


def _stacked(board: Board, names: Names) -> tuple[list[Column], list[list[Text]]]:
    """One column for all names of a row: the first half above the second."""
    half = (len(names.places) + 1) // 2 if len(names.places) > 1 else 1
    parts = [part for part in (names.places[:half], names.places[half:]) if part]
    head = "\n".join(", ".join(board.row_titles[place].lower() for place in part) for part in parts)
    return [left(head.capitalize(), fold=False)], [[_stack(row, parts)] for row in board.rows]


def _labelled(name: Text, row: BoardRow, common: tuple[str, ...]) -> Text:
    """The names of a row with what holds for all of its values, and not for all of the board."""
    labels = ", ".join(label for label in labels_of_row(row) if label not in common)
    return Text("\n").join([name, *(Text(line, FAINT) for line in wrap(labels, LABELS))])


def _stack(row: BoardRow, parts: Sequence[Sequence[int]]) -> Text:
    return Text("\n".join(" ".join(printable(row.names[place]) for place in part) for part in parts))


def _room(heads: Sequence[Column], named: Sequence[Sequence[Text]]) -> int:
    return sum(_width(head.header, [row[place] for row in named]) + GAP for place, head in enumerate(heads))


def _copy(head: Column) -> Column:
    return left(str(head.header), fold=False)


def _groups(columns: Sequence[Column], cells: Sequence[Sequence[Text]], room: int) -> list[list[int]]:
    """Places of columns, as many to a group as have room beside each other; at least one."""
    groups: list[list[int]] = [[]]
    used = 0
    for place, column in enumerate(columns):
        needed = _width(column.header, [row[place] for row in cells]) + GAP
        if groups[-1] and used + needed > room + GAP:
            groups.append([])
            used = 0
        groups[-1].append(place)
        used += needed
    return groups


def _that_fit(columns: Sequence[BoardColumn], cells: Sequence[Sequence[Text]], room: int) -> list[int]:
    """Places of the facts that there is room for."""
    widths = [_width(column.title, [row[place] for row in cells]) for place, column in enumerate(columns)]
    least = [min(wide, FOLDED) if column.folds else wide for wide, column in zip(widths, columns, strict=True)]
    kept = list(range(len(columns)))
    for place in sorted((one for one in kept if columns[one].gives_way), key=lambda one: columns[one].gives_way):
        if sum(least[one] + GAP for one in kept) > room + GAP:
            kept.remove(place)
    return kept


def _width(title: object, texts: Sequence[Text]) -> int:
    lines = [line for text in texts for line in text.plain.split("\n")]
    return max(len(line) for line in (*str(title).split("\n"), *lines))
