"""The table of a board: it keeps the cursor and the scroll when a new state of the store takes the old one's place."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import ClassVar

from rich.text import Text
from textual.binding import BindingType
from textual.coordinate import Coordinate
from textual.geometry import Offset
from textual.message import Message
from textual.widgets import DataTable

from lab.analysis.boards.board import Board, BoardCell, BoardRow, Column
from lab.core.text import printable
from lab.views.tui.cells import WIDE, column_lines
from lab.views.tui.filter_sort import Shown

NAMES = 0.55  # of the width of a terminal under WIDE columns is for names
LEAST = 6  # letters of a name


class Grid(DataTable[Text]):
    """One board. The cursor is a place of a matrix, else a whole row."""

    BINDINGS: ClassVar[list[BindingType]] = []

    class Scrolled(Message):
        """Other columns are in sight."""

    def __init__(self) -> None:
        super().__init__(cursor_foreground_priority="css", cell_padding=1, id="grid")
        self._board: Board | None = None
        self._shown = Shown((), (), frozenset())
        self._names: tuple[int, ...] = ()  # the places of the names that are shown
        self._began: Coordinate | None = None  # where the cursor was put; elsewhere it is where a reader wants it

    def show(self, board: Board, shown: Shown, matrix: bool, width: int) -> None:
        """Draw the board; the cursor stays on the cell that it was on, once a reader has moved it there."""
        same = self._board is not None and self._board.name == board.name
        before = self._where() if same and self.cursor_coordinate != self._began else None
        scroll = self.scroll_offset if before else Offset(0, 0)
        self._board, self._shown = board, shown
        self.clear(columns=True)
        self.cursor_type = "cell" if matrix else "row"
        lines = self._add_columns(board, shown, matrix, width)
        for number in range(len(shown.rows)):
            self.add_row(*(column[number] for column in lines), key=str(number))
        self._return(before)
        self.scroll_to(scroll.x, scroll.y, animate=False)

    def _add_columns(self, board: Board, shown: Shown, matrix: bool, width: int) -> list[list[Text]]:
        self._names = telling_names(board, shown, width)
        told = [[board.row_titles[at], *(printable(row.names[at]) for row in shown.rows)] for at in self._names]
        room = name_widths(told, width)
        names = [
            [Text(middle_cut(printable(row.names[at]), most), "bold" if not place else "") for row in shown.rows]
            for place, (at, most) in enumerate(zip(self._names, room, strict=True))
        ]
        lines = [column_lines(board, shown, place, matrix, width) for place in shown.columns]
        titles = [printable(column.title) for column in self.columns_shown]
        titles[: len(room)] = [title[:most] for title, most in zip(titles, room, strict=False)]
        widths = [_widest(title, column) for title, column in zip(titles, [*names, *lines], strict=True)]
        keys = [str(place) for place in range(len(titles))]
        for title, key, wide in zip(titles, keys, whole_columns(widths, width), strict=True):
            self.add_column(Text(title, "bold"), key=key, width=wide)
        self.fixed_columns = sum(end <= width * NAMES for end in _ends(widths)[: len(names)])
        return [*names, *lines]

    def watch_scroll_x(self, old_value: float, new_value: float) -> None:
        """Tell the screen that other columns are in sight."""
        super().watch_scroll_x(old_value, new_value)
        self.post_message(self.Scrolled())

    def watch_virtual_size(self) -> None:
        """Tell the screen that columns have their widths, which a table finds out when it has time."""
        self.post_message(self.Scrolled())

    def on_resize(self) -> None:
        """Tell the screen that a scroll bar, or the terminal, takes another room."""
        self.post_message(self.Scrolled())

    @property
    def in_sight(self) -> tuple[int, int, int]:
        """The first and the last of the columns of values that can be seen whole, from 1, and how many there are."""
        widths = [column.get_render_width(self) for column in self.ordered_columns]
        fixed = sum(widths[: self.fixed_columns])
        left, right = self.scroll_offset.x + fixed, self.scroll_offset.x + self.scrollable_content_region.width
        ends = list(accumulate(widths))
        names = len(self._names)
        right += self.cell_padding  # the last column's text is whole where a scroll bar takes the space behind it
        seen = [at for at in range(names, len(widths)) if ends[at] - widths[at] >= left and ends[at] <= right]
        seen = seen or [next((at for at in range(names, len(widths)) if ends[at] > left), names)]
        return seen[0] - names + 1, seen[-1] - names + 1, len(widths) - names

    @property
    def columns_shown(self) -> list[Column]:
        """The columns that are shown, names first."""
        board = self._board
        if board is None:
            return []
        names = [board.row_columns[at] for at in self._names]
        return [*names, *(board.columns[place] for place in self._shown.columns)]

    def _where(self) -> tuple[tuple[str, ...], str, str] | None:
        """The row's name, its run, and the fact of the column that the cursor is on."""
        row = self.row
        return None if row is None else (row.names, row.main.run_id, self.fact)

    def _return(self, before: tuple[tuple[str, ...], str, str] | None) -> None:
        if not self._shown.rows:
            return
        facts = [column.fact for column in self.columns_shown]
        column = facts.index(before[2]) if before and before[2] in facts else len(self._names)
        names = [row.names for row in self._shown.rows]
        line = 0
        if before is None:
            line, column = self._first_cell()
        if before and before[0] in names:
            exact = [(row.names, row.main.run_id) for row in self._shown.rows]
            line = exact.index(before[:2]) if before[:2] in exact else names.index(before[0])
        self.move_cursor(row=line, column=min(column, len(facts) - 1), animate=False, scroll=False)
        if before is None:
            self._began = self.cursor_coordinate

    def _first_cell(self) -> tuple[int, int]:
        """Where the cursor begins: of the places in which something was measured that nearest to the upper left."""
        measured = (
            (line + column, column, line)
            for line, row in enumerate(self._shown.rows)
            for column, place in enumerate(self._shown.columns)
            if row.cells[place].key is not None
        )
        _, column, line = min(measured, default=(0, 0, 0))
        return line, len(self._names) + column

    def validate_scroll_x(self, value: float) -> float:
        """Scroll sideways by whole columns: half a name beside the fixed ones would be misread."""
        wanted = super().validate_scroll_x(value)
        starts = self._starts()
        if wanted > self.scroll_x:
            return min(next((start for start in starts if start >= wanted), wanted), self.max_scroll_x)
        return max((start for start in (*starts, self.max_scroll_x) if start <= wanted), default=wanted)

    def _starts(self) -> list[int]:
        """How far to scroll for each column to be the first beside the fixed ones."""
        widths = [column.get_render_width(self) for column in self.ordered_columns]
        return [0, *accumulate(widths[self.fixed_columns :])]

    @property
    def max_scroll_x(self) -> int:
        """As far as the last column is whole and the first beside the fixed ones is, too."""
        most = super().max_scroll_x
        return next((start for start in self._starts() if start >= most), most)

    @property
    def row(self) -> BoardRow | None:
        """The row under the cursor."""
        rows = self._shown.rows
        return rows[self.cursor_row] if self._board and 0 <= self.cursor_row < len(rows) else None

    @property
    def fact(self) -> str:
        """The fact of the column under the cursor."""
        columns = self.columns_shown
        return columns[self.cursor_column].fact if self.cursor_column < len(columns) else ""

    @property
    def cell(self) -> BoardCell | None:
        """The cell under the cursor; that which stands for the row where the cursor is on a name."""
        row = self.row
        if row is None:
            return None
        place = self.cursor_column - len(self._names)
        if self.cursor_type == "row" or not 0 <= place < len(self._shown.columns):
            return row.main
        return row.cells[self._shown.columns[place]]


def telling_names(board: Board, shown: Shown, width: int) -> tuple[int, ...]:
    """Return the places of the names to show: where room is short, not those that are alike in all rows.

    The lines below the table say every name of the row under the cursor.
    """
    every = tuple(range(len(board.row_titles)))
    if width >= WIDE or len(shown.rows) < 2:
        return every
    return tuple(at for at in every if at == 0 or len({row.names[at] for row in shown.rows}) > 1)


def name_widths(names: Sequence[Sequence[str]], width: int) -> list[int]:
    """Return how many letters of each column of names there is room for: in a narrow terminal the longest give way."""
    widths = [max([LEAST, *map(len, column)]) for column in names]
    room = int(width * NAMES) - 2 * len(names)
    while width < WIDE and sum(widths) > room and max(widths) > LEAST:
        widths[widths.index(max(widths))] -= 1
    return widths


def middle_cut(name: str, most: int) -> str:
    """Return the name, or its beginning and its end: phi3-m…-q4 and phi3-m…-q8 are told apart by these."""
    if len(name) <= most:
        return name
    end = (most - 1) // 2
    return f"{name[: most - 1 - end]}…{name[-end:]}"


def whole_columns(widths: list[int], width: int) -> list[int]:
    """Return the widths so that the first column that does not fit whole begins beyond the edge, if it nearly does."""
    ends = _ends(widths)
    cut = next((at for at, end in enumerate(ends) if end > width), 0)
    gap = width - ends[cut - 1] if cut else 0
    if not cut or gap > width // 4:
        return widths
    return [*widths[: cut - 1], widths[cut - 1] + gap, *widths[cut:]]


def _ends(widths: list[int]) -> list[int]:
    """Where each column ends, with the space on either side of its text."""
    return list(accumulate(wide + 2 for wide in widths))


def _widest(title: str, column: list[Text]) -> int:
    return max([len(title), *(line.cell_len for line in column)])
