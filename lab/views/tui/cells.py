"""A board's cells as one line of styled text each. Texts of records become rich Text, never markup."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.text import Text

from lab.analysis.boards.axes import value_on
from lab.analysis.boards.board import Board, BoardCell, BoardRow, Column
from lab.analysis.boards.cell_text import cut, day_words, plain_word
from lab.core.text import printable
from lab.core.units import counted
from lab.views.board.cell_text import history_picture
from lab.views.table import BAD, CAUTION, FAINT, GOOD
from lab.views.tui.filter_sort import Shown

STYLES = {"good": GOOD, "bad": BAD, "caution": CAUTION, "faint": FAINT, "plain": ""}
WIDE = 120  # columns of a terminal, from which on pictures are longer and notes are shown
LONG = 60  # a text longer than this is cut with an ellipsis: the line below the table says all of it


@dataclass(frozen=True)
class Look:
    """How wide the parts of a column are: the value, its picture, the word."""

    value: int
    spark: int
    word: int
    note: int
    common: str


def column_lines(board: Board, shown: Shown, place: int, matrix: bool, width: int) -> list[Text]:
    """Return the lines of one column, aligned with each other."""
    cells = [row.cells[place] for row in shown.rows]
    if not matrix:
        return [_fact(cell, board.columns[place], cells, width) for cell in cells]
    look = _look(cells, width, common_note(board))
    hits = [(row.names, place) in shown.matches for row in shown.rows]
    return [_matrix_cell(cell, look, hit) for cell, hit in zip(cells, hits, strict=True)]


def common_note(board: Board) -> str:
    """Return what most values of a matrix are of, "" where there is no such thing: it is said once, above the table."""
    notes = Counter(cell.note for row in board.rows for cell in row.cells if board.is_matrix and cell.key is not None)
    note, count = max(notes.items(), key=lambda pair: pair[1], default=("", 0))
    return printable(note) if 2 * count >= notes.total() else ""


def _look(cells: Sequence[BoardCell], width: int, common: str) -> Look:
    spark = 16 if width >= WIDE else 8
    return Look(
        value=max((len(printable(cell.text)) for cell in cells), default=0),
        spark=max((min(len(cell.history), spark) for cell in cells if len(cell.history) > 1), default=0),
        word=max((len(_word(cell)) for cell in cells), default=0),
        note=max((len(_note(cell, common)) for cell in cells), default=0),
        common=common,
    )


def _note(cell: BoardCell, common: str) -> str:
    """What the value is of, where most are of something else; and since when it is lost, if not with the newest."""
    note = printable(cell.note)
    since = f"since {day_words(cell.change.created_s)[5:10]}" if cell.change is not None else ""
    return " ".join(part for part in (since, note if note != common else "") if part)


def _matrix_cell(cell: BoardCell, look: Look, hit: bool) -> Text:
    if not cell.text:
        return Text("")
    parts = [Text(printable(cell.text).rjust(look.value))]
    if look.spark:
        picture = history_picture(cell, look.spark, look.spark) if len(cell.history) > 1 else ""
        parts.append(Text(picture.ljust(look.spark), "cyan"))
    if look.word:
        parts.append(Text(_word(cell).ljust(look.word), STYLES[cell.role]))
    if look.note:
        parts.append(Text(_note(cell, look.common).ljust(look.note), FAINT))
    line = Text(" ").join(parts)
    if not hit:
        line.stylize(FAINT)
    return line


def _fact(cell: BoardCell, column: Column, cells: Sequence[BoardCell], width: int) -> Text:
    if cell.history:
        spark = 24 if width >= WIDE else 12
        return Text(history_picture(cell, spark, spark), "cyan")
    text = printable(cell.text)
    if column.align == "right":
        text = text.rjust(max(len(column.title), *(len(printable(one.text)) for one in cells)))
    return Text(cut(text, LONG if width < WIDE else 2 * LONG), STYLES[cell.role])


def _word(cell: BoardCell) -> str:
    return printable(plain_word(cell.word)) + ("!" if cell.labels and not cell.word else "")


def place_words(board: Board, row: BoardRow, cell: BoardCell, *, judging: bool = False) -> Text:
    """Say what the cell is of, and what is known of it: up to three lines for below the table.

    While verdicts are worked out, a cell without one has none yet.
    """
    key = cell.key
    if key is None:
        return Text("nothing was measured here", FAINT)
    lines = Text(cell_words(cell), "bold")
    lines.append("\n")
    lines.append_text(Text("not judged yet", FAINT) if judging and not cell.word else verdict_words(cell))
    lines.append("\n" + " · ".join(_facts(cell)), FAINT)
    return lines


def _facts(cell: BoardCell) -> Iterator[str]:
    """How often it was measured, when, and what a reader has to know; of a change where it begins, too."""
    change = cell.change
    yield counted(cell.sessions, "session")
    if cell.silent:
        yield f"{cell.silent} without numbers"
    if change is not None:
        yield f"newest {day_words(cell.newest_s)} UTC"
        yield f"{change.sessions_after} since {day_words(change.created_s)}, run {printable(change.run_id)}"
    else:
        yield f"newest {day_words(cell.newest_s or cell.created_s)} UTC"
        yield f"run {printable(cell.run_id)}"
    yield from map(printable, cell.labels)
    if cell.also:
        yield f"{len(cell.also)} more here"


def cell_words(cell: BoardCell) -> str:
    """Return the name of the cell, and what tells its series from others of it."""
    return " · ".join(part for part in (key_words(cell.key), printable(cell.under)) if part)


def key_words(key: object) -> str:
    """Return a cell's name in words: target, model, engine, test, metric."""
    from lab.analysis.points.key import CellKey

    assert isinstance(key, CellKey)
    return printable(" · ".join(value_on(key, axis) for axis in ("target", "model", "engine", "test", "metric")))


def verdict_words(cell: BoardCell) -> Text:
    """Return the verdict and why."""
    word, reason = plain_word(cell.word), printable(cell.reason)
    said = reason if reason.startswith(word) else ": ".join(part for part in (word, reason) if part)
    return Text(printable(said) or "not judged", STYLES[cell.role] or FAINT)
