"""The rows of a board as tables whose every word is there without the script."""

from __future__ import annotations

from collections.abc import Sequence

from lab.analysis.boards.axes import value_on
from lab.analysis.boards.board import Board, BoardCell, BoardRow, Column
from lab.analysis.boards.cell_text import day_words, interval_words, plain_word, ratio_words
from lab.analysis.boards.lines import Line
from lab.analysis.points.key import CellKey
from lab.core.units import counted
from lab.formats.dashboard import AXES
from lab.formats.verdicts import VERDICTS
from lab.views.html.escape import attribute, text
from lab.views.html.links import Links
from lab.views.html.row_keys import RowKeys
from lab.views.html.svg import spark_svg

LONG = 40  # characters
MAIN = "Rows"  # how a screen reader calls the table
WHOLE = 12  # rows that are all shown, changed or not
GROUPS = ("changed", "inconclusive", "not compared", "unchanged")


def tables_html(board: Board, links: Links, keys: RowKeys) -> str:
    """Return the table; of a long list first what changed, and the rest in tables that are folded."""
    if not _is_grouped(board):
        return _table(board, board.rows, links, keys, MAIN)
    groups: dict[str, list[BoardRow]] = {name: [] for name in GROUPS}
    for row in board.rows:
        groups[group_of(row.main.word)].append(row)
    first = groups.pop(GROUPS[0])
    shown = _table(board, first, links, keys, MAIN) if first else "<p>Nothing changed.</p>"
    return shown + "".join(
        f'<details class="group"><summary>{counted(len(rows), "row")} {name}</summary>'
        f"{_table(board, rows, links, keys, f'Rows that are {name}')}</details>"
        for name, rows in groups.items()
        if rows
    )


def group_of(word: str) -> str:
    """Return which of GROUPS a row with this verdict or status belongs to."""
    row = VERDICTS.get(word)
    if row is None:
        return "changed" if word else "unchanged"  # a status is of what gave no numbers
    if not row.is_comparison:
        return "not compared"
    return {"caution": "inconclusive", "faint": "unchanged"}.get(row.role, "changed")


def _is_grouped(board: Board) -> bool:
    has_words = not board.is_matrix and any(column.coloured for column in board.columns)
    return has_words and len(board.rows) > WHOLE and all(row.main.change is None for row in board.rows)


def _table(board: Board, rows: Sequence[BoardRow], links: Links, keys: RowKeys, name: str) -> str:
    """The table; a matrix has a value with its word in each cell, another board one fact."""
    names = len(board.row_columns)
    heads = "".join(
        f'<th scope="col"{" class=name" * (0 < place < names)}>'
        f'<button type="button" data-column="{place}">{text(title)}</button></th>'
        for place, title in enumerate((*board.row_titles, *board.column_titles))
    )
    body = "".join(_row(board, row, links, keys) for row in rows)
    known = ' id="board"' if name == MAIN else ""
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{name}">'
        f'<table class="board" data-names="{names}"{known}><thead><tr>{heads}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _row(board: Board, row: BoardRow, links: Links, keys: RowKeys) -> str:
    words = "|".join(dict.fromkeys(cell.word for cell in row.cells if cell.word))
    draw = _matrix_cell if board.is_matrix else _fact_cell
    cells = "".join(draw(cell, column, links) for cell, column in zip(row.cells, board.columns, strict=True))
    return (
        f'<tr data-words="{attribute(words)}"{keys.of_row(row)}>{_first(board, row, links)}'
        f"{''.join(f'<td class=name{_long(name)}>{text(name)}</td>' for name in row.names[1:])}{cells}</tr>"
    )


def _first(board: Board, row: BoardRow, links: Links) -> str:
    """The name that stays in view; where there is no room for the others, they stand below it."""
    name, *rest = row.names
    cell = row.main
    shown = text(name)
    if not board.is_matrix and cell.key is not None:
        shown = links.place(Line(cell.key, cell.under), shown)
    below = f' data-rest="{attribute(" ".join(filter(None, rest)))}"' if any(rest) else ""
    return f'<th scope="row"{below}{_long(name)}>{shown}</th>'


def _matrix_cell(cell: BoardCell, column: Column, links: Links) -> str:
    if cell.key is None:
        return "<td></td>"
    also = f" +{len(cell.also)}" if cell.also else ""
    labels = f'<div class="labels">{text(", ".join(cell.labels))}</div>' if cell.labels else ""
    note = f'<div class="note">{text(cell.note + also)}</div>' if cell.note or also else ""
    value = links.place(Line(cell.key, cell.under), text(cell.text))
    return (
        f'<td data-sort="{_sort(cell, column)}"><div class="line"><span class="value">{value}</span>'
        f"{spark_svg(cell.history, 88, cell.mark, cell.threshold)}</div>{_word(cell, links)}{note}{labels}</td>"
    )


def _fact_cell(cell: BoardCell, column: Column, links: Links) -> str:
    shown = (
        spark_svg(cell.history, 120, cell.mark, cell.threshold) if column.picture and cell.history else text(cell.text)
    )
    if column.fact == "run":
        shown = links.run(cell.run_id) if cell.text == cell.run_id else shown
    if column.folds and len(cell.text) > LONG:  # one line, until it is opened
        shown = f'<details class="why"><summary>{shown}</summary></details>'
    return f'<td class="{_shape(cell, column)}" data-sort="{_sort(cell, column)}">{shown}</td>'


def _shape(cell: BoardCell, column: Column) -> str:
    """The classes of the cell in style.css."""
    kind = "number" if column.align == "right" else "word" if column.coloured else ""
    return f"{kind} {cell.role}" if kind else "long" if len(cell.text) > LONG else "short"


def _long(name: str) -> str:
    """A name that may be broken anywhere; others are not, so that they stay readable."""
    return ' data-long=""' if len(name) > LONG else ""


def _word(cell: BoardCell, links: Links) -> str:
    """The word; opened, all that led to it."""
    shown = (
        f'<summary class="word {cell.role}">{text(plain_word(cell.word))}</summary>'
        if cell.word
        else '<summary class="faint">run</summary>'
    )
    return f"<details>{shown}{_facts(cell, links)}</details>"


def _facts(cell: BoardCell, links: Links) -> str:
    lines = [text(cell.reason)] if cell.reason else []
    if cell.verdict is not None and cell.verdict.ratio is not None:
        lines.append(text(f"{ratio_words(cell.verdict)}, 95 % confidence interval {interval_words(cell.verdict)}"))
    history = text(f"{day_words(cell.created_s)} UTC; {counted(cell.sessions, 'session')} in its history")
    lines.append(f"run {links.run(cell.run_id)}, {history}")
    lines += [f"baseline {links.run(cell.baseline_run_id)}"] if cell.baseline_run_id else []
    lines += [f"conditions changed with run {links.run(one.run_id)}: {text(one.what)}" for one in cell.seams]
    lines += [text(f"also here: {', '.join(_other(cell, key) for key in cell.also)}")] if cell.also else []
    return "".join(f"<p>{line}</p>" for line in lines)


def _other(cell: BoardCell, key: CellKey) -> str:
    """What else falls in the place: what of it differs from the cell that stands there."""
    return " ".join(
        value_on(key, axis) for axis in AXES if cell.key and value_on(key, axis) != value_on(cell.key, axis)
    )


def _sort(cell: BoardCell, column: Column) -> str:
    """What the column is sorted by; empty where its text will do."""
    number = column.sort(cell)
    return "" if number is None else f"{number:.9g}"
