"""The rows of a board as a table whose every word is there without the script."""

from __future__ import annotations

from lab.analysis.boards.axes import value_on
from lab.analysis.boards.board import Board, BoardCell, BoardRow, Column
from lab.analysis.boards.cell_text import day_words, interval_words, plain_word, ratio_words
from lab.analysis.points.key import CellKey
from lab.formats.dashboard import AXES
from lab.views.html.escape import attribute, text
from lab.views.html.svg import spark_svg

LONG = 40  # characters


def table_html(board: Board) -> str:
    """Return the table; a matrix has a value with its word in each cell, another board one fact."""
    heads = "".join(
        f'<th scope="col"><button type="button" data-column="{place}">{text(title)}</button></th>'
        for place, title in enumerate((*board.row_titles, *board.column_titles))
    )
    rows = "".join(_row(board, row) for row in board.rows)
    return f'<div class="scroll"><table id="board"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>'


def _row(board: Board, row: BoardRow) -> str:
    words = "|".join(dict.fromkeys(cell.word for cell in row.cells if cell.word))
    names = "".join(f'<th scope="row"{_long(name)}>{text(name)}</th>' for name in row.names)
    draw = _matrix_cell if board.is_matrix else _fact_cell
    cells = "".join(draw(cell, column) for cell, column in zip(row.cells, board.columns, strict=True))
    return f'<tr data-words="{attribute(words)}">{names}{cells}</tr>'


def _matrix_cell(cell: BoardCell, column: Column) -> str:
    if cell.key is None:
        return "<td></td>"
    also = f" +{len(cell.also)}" if cell.also else ""
    labels = f'<div class="labels">{text(", ".join(cell.labels))}</div>' if cell.labels else ""
    note = f'<div class="note">{text(cell.note + also)}</div>' if cell.note or also else ""
    return (
        f'<td data-sort="{_sort(cell, column)}"><div class="line"><span class="value">{text(cell.text)}</span>'
        f"{spark_svg(cell.history)}</div>{_word(cell)}{note}{labels}</td>"
    )


def _fact_cell(cell: BoardCell, column: Column) -> str:
    shown = spark_svg(cell.history, 160) if column.picture and cell.history else text(cell.text)
    return f'<td class="{_shape(cell, column)}" data-sort="{_sort(cell, column)}">{shown}</td>'


def _shape(cell: BoardCell, column: Column) -> str:
    """The classes of the cell in style.css."""
    kind = "number" if column.align == "right" else "word" if column.coloured else ""
    return f"{kind} {cell.role}" if kind else "long" if len(cell.text) > LONG else "short"


def _long(name: str) -> str:
    """A name that may be broken anywhere; others are not, so that they stay readable."""
    return ' class="long"' if len(name) > LONG else ""


def _word(cell: BoardCell) -> str:
    """The word; opened, all that led to it."""
    if not cell.word:
        return f'<details><summary class="faint">run</summary>{_facts(cell)}</details>'
    return f'<details><summary class="word {cell.role}">{text(plain_word(cell.word))}</summary>{_facts(cell)}</details>'


def _facts(cell: BoardCell) -> str:
    lines = [cell.reason] if cell.reason else []
    if cell.verdict is not None and cell.verdict.ratio is not None:
        lines.append(f"{ratio_words(cell.verdict)}, 95 % interval {interval_words(cell.verdict)}")
    lines.append(f"run {cell.run_id}, {day_words(cell.created_s)} UTC; {cell.sessions} sessions in its history")
    lines += [f"baseline {cell.baseline_run_id}"] if cell.baseline_run_id else []
    lines += [f"conditions changed with run {one.run_id}: {one.what}" for one in cell.seams]
    lines += [f"also here: {', '.join(_other(cell, key) for key in cell.also)}"] if cell.also else []
    return "".join(f"<p>{text(line)}</p>" for line in lines)


def _other(cell: BoardCell, key: CellKey) -> str:
    """What else falls in the place: what of it differs from the cell that stands there."""
    return " ".join(
        value_on(key, axis) for axis in AXES if cell.key and value_on(key, axis) != value_on(cell.key, axis)
    )


def _sort(cell: BoardCell, column: Column) -> str:
    """What the column is sorted by; empty where its text will do."""
    number = column.sort(cell)
    return "" if number is None else f"{number:.9g}"
